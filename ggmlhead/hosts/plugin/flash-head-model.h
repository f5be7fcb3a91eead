#pragma once

// The head of a model with a cluster map, in its own file or in a map file.

#include "flash-head-files.h"
#include "flash-head-map.h"
#include "flash-head-map-file.h"
#include "flash-head-mapping.h"
#include "flash-head-settings.h"

#include "ggml.h"

#include <memory>
#include <string>
#include <vector>

// The head of one file. Immutable; shared by the weights that are loaded from it.
struct flash_head_model {
    std::string file;                     // for display
    std::string weight;                   // name of the head's weight
    ggml_type   type = GGML_TYPE_COUNT;   // of the weight [n_vocab][n_embd]
    int64_t     n_embd  = 0;
    int64_t     n_vocab = 0;
    bool        is_draft = false;         // this process uses it as a draft model
    // it has an MTP head, which may use the same weight
    bool        predicts = false;

    flash_head_map      map;
    flash_head_settings settings;         // resolved
    std::string         setting_error;    // a bad FLASHHEAD_ variable; the model must not load

    flash_head_map_file map_file; // where map is from, if not from the model's own file

    // the weight in the file, by token: n_vocab rows or more
    std::unique_ptr<flash_head_mapping> rows;
    std::vector<float>                  bias; // that the host adds to the product, or none
};

// Whether a weight of this name can be a head. Called for every weight, so it looks at the name only.
bool flash_head_model_may_have(const char * weight);

// The model that is being loaded, if weight is its head (by name, type and shape) and its map is sound; otherwise
// nullptr, and the reason is logged if it concerns the user.
std::shared_ptr<const flash_head_model> flash_head_model_find(const ggml_tensor * weight);
