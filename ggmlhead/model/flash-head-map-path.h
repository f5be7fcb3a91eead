#pragma once

// Where a model's map file lies (docs/gguf-format.md, "Map files"). Host-independent. Paths are UTF-8.

#include <string>
#include <vector>

struct flash_head_map_path {
    std::string path; // of the map file; "" for none
    std::string blob; // the SHA-256 by which Ollama names the model's file, in lower-case hex; "" for any other file
};

// The paths where the map of a model is looked for, in this order. model is the path of its first file, folder the
// value of FLASHHEAD_MAPS or "".
std::vector<flash_head_map_path> flash_head_map_paths(const std::string & model, const std::string & folder);

// The first of these paths at which there is anything, with FLASHHEAD_MAPS of the environment.
flash_head_map_path flash_head_map_find(const std::string & model);
