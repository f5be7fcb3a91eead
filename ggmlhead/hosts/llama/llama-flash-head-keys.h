#pragma once

// Where the keys of a model's head are. Private to those who load it.

#include "flash-head-map-file.h"
#include "flash-head-mapping.h"
#include "llama-flash-head.h"

#include <memory>
#include <string>
#include <vector>

struct llama_flash_head_keys {
    bool                     off  = false;   // FLASHHEAD_ENABLED=0: they were not looked for
    const gguf_context     * gguf = nullptr; // has the keys; nullptr if there are none or they are of no use
    flash_head_map_file      map;            // if they do not come from the model's own file
    std::vector<std::string> paths;          // of the model's files
};

// Why the map of ml's model was not made for its head weight, or "".
std::string llama_flash_head_map_obstacle(const llama_model_loader & ml, const ggml_tensor * weight);

// The bytes of weight as they are in the model's file: more than the weight's where Ollama drops rows of a head.
std::unique_ptr<flash_head_mapping> llama_flash_head_bytes(const llama_model_loader & ml, const ggml_tensor * weight);
