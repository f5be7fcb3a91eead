#include "flash-head-files.h"

#include <algorithm>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

std::vector<std::string> flash_head_process_args() {
    std::vector<std::string> args;
    FILE * file = fopen("/proc/self/cmdline", "rb");
    if (file == nullptr) {
        return args;
    }
    std::string arg;
    for (int c; (c = fgetc(file)) != EOF; ) {
        if (c == '\0') {
            args.push_back(arg);
            arg.clear();
        } else {
            arg += (char) c;
        }
    }
    fclose(file);
    return args;
}

bool flash_head_file_find(const std::string & path, flash_head_file & file) {
    struct stat st;
    if (stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) {
        return false;
    }
    file.path  = path;
    file.name  = path;
    file.id[0] = st.st_dev;
    file.id[1] = st.st_ino;
    file.id[2] = st.st_size;
    file.id[3] = (uint64_t) st.st_mtim.tv_sec*1000000000 + st.st_mtim.tv_nsec;
    return true;
}

bool flash_head_files_open(std::vector<flash_head_file> & files) {
    files.clear();
    DIR * dir = opendir("/proc/self/fd");
    if (dir == nullptr) {
        return false;
    }
    while (const dirent * entry = readdir(dir)) {
        flash_head_file file;
        if (flash_head_file_find(std::string("/proc/self/fd/") + entry->d_name, file)) {
            char target[4096];
            const ssize_t n = readlink(file.path.c_str(), target, sizeof(target));
            if (n > 0) {
                file.name.assign(target, n);
            }
            files.push_back(file);
        }
    }
    closedir(dir);
    return true;
}

// the values of options on this process's command line
static std::vector<std::string> values_of(const std::vector<std::string> & options) {
    const std::vector<std::string> args = flash_head_process_args();
    std::vector<std::string> values;
    for (size_t i = 1; i + 1 < args.size(); i++) {
        if (std::find(options.begin(), options.end(), args[i]) != options.end()) {
            values.push_back(args[i + 1]);
        }
    }
    return values;
}

std::vector<std::string> flash_head_files_named() {
    std::vector<std::string> paths;
    for (const std::string & value : values_of({ "-m", "--model" })) {
        paths.push_back(value); // a comma may be part of a name
        for (size_t begin = 0; value.find(',') != std::string::npos && begin <= value.size(); ) {
            const size_t end = std::min(value.find(',', begin), value.size());
            paths.push_back(value.substr(begin, end - begin));
            begin = end + 1;
        }
    }
    return paths;
}

std::vector<std::string> flash_head_drafts_named() {
    std::vector<std::string> paths = values_of({ "-md", "--spec-draft-model", "--model-draft" });
    const char * path = getenv("LLAMA_ARG_SPEC_DRAFT_MODEL"); // llama.cpp's variable for the option
    if (path != nullptr && *path) {
        paths.push_back(path);
    }
    return paths;
}
