#pragma once

// A map file: FlashHead's keys of a model whose own file has none (docs/gguf-format.md, "Map files").
// Host-independent. Safe for hostile files.

#include "flash-head-map-path.h"
#include "ggml-cpp.h"

#include <stddef.h>
#include <stdint.h>
#include <string>

struct flash_head_map_file {
    std::string      path;           // "" if there is none
    std::string      blob;           // as flash_head_map_path has it
    gguf_context_ptr keys;           // nullptr if the file is of no use
    std::string      error;          // then why
    uint64_t         head_xxh64 = 0; // of the head's bytes; not read for a blob, whose bytes Ollama checks
};

// Opens a map that was found.
flash_head_map_file flash_head_map_file_open(const flash_head_map_path & found);

// The tensor of a head, in one of its model's files.
struct flash_head_map_target {
    std::string tensor;        // its name
    uint32_t    shard     = 0; // index of its file
    uint64_t    file_size = 0; // bytes of its file
};

// Why a map with keys was not made for that head, or "". The head's bytes are left to flash_head_map_file_misfit.
std::string flash_head_map_file_obstacle(const flash_head_map_file & map, const flash_head_map_target & head);

// Whether the head's bytes have to be checked.
static inline bool flash_head_map_file_checks_bytes(const flash_head_map_file & map) {
    return !map.path.empty() && map.blob.empty();
}

// Why a map with that head_xxh64 was not made for a head with these bytes, or "". They are those of the tensor as it is
// in the file, size in number; data is nullptr if they cannot be read.
std::string flash_head_map_file_misfit(uint64_t head_xxh64, const void * data, size_t size);

// The line about a map that is not used, for the log.
std::string flash_head_map_file_complaint(const std::string & path, const std::string & reason);
