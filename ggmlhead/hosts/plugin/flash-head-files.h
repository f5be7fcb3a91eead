#pragma once

// This process and its files, as the operating system reports them.

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <vector>

// A regular file.
struct flash_head_file {
    std::string path;    // opens this very file
    std::string name;    // for display
    uint64_t    id[4];   // device, inode, bytes, time of change: differs for another file or version
};

// The file at path. Returns false if there is none.
bool flash_head_file_find(const std::string & path, flash_head_file & file);

// The files that this process has open. Returns false if the system does not tell.
bool flash_head_files_open(std::vector<flash_head_file> & files);

// This process's command line, the program's name first; empty if the system does not tell.
std::vector<std::string> flash_head_process_args();

// The values of the options --model and -m on this process's command line; llama-bench takes several, with commas.
std::vector<std::string> flash_head_files_named();

// The draft models that this process was told to use, by option or variable.
std::vector<std::string> flash_head_drafts_named();
