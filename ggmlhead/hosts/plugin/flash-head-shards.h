#pragma once

// A model in several files, as llama.cpp's llama-gguf-split makes them: NAME-00001-of-00003.gguf has the keys, each
// file some of the tensors.

#include "gguf.h"

#include <stdint.h>

#include <string>
#include <vector>

// Which part of a model a file is.
struct flash_head_shard {
    uint32_t index = 0; // from 0
    uint32_t count = 1; // 1: a whole model
};

// Reads it from the keys of a file.
flash_head_shard flash_head_shard_read(const gguf_context * gguf);

// The paths of all count parts, in order, of a model whose first is at path; empty if it is not named as one.
std::vector<std::string> flash_head_shard_paths(const std::string & path, uint32_t count);
