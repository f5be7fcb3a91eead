#pragma once

// The FLASHHEAD_ environment variables, which override the model's file. Host-independent.

#include "ggml.h"

#include <stdint.h>
#include <string>

// Which models FlashHead runs for: all, or one side of speculative decoding. A draft is a draft model, or a head that
// predicts later tokens beside a model's own (MTP); a target is everything else.
enum flash_head_scope {
    FLASH_HEAD_SCOPE_ALL,
    FLASH_HEAD_SCOPE_DRAFT,
    FLASH_HEAD_SCOPE_TARGET,
};

struct flash_head_settings {
    bool             enabled       = true;                 // FLASHHEAD_ENABLED: 0 is the stock runtime
    flash_head_scope scope         = FLASH_HEAD_SCOPE_ALL; // FLASHHEAD_SCOPE: all, draft or target
    int32_t          n_probe       = 0;                    // FLASHHEAD_PROBES: 0 is the file's own
    float            tolerance     = -1.0f;                // FLASHHEAD_TOLERANCE: below 0 is the file's own
    ggml_type        centroid_type = GGML_TYPE_COUNT;      // FLASHHEAD_CENTROID_TYPE: COUNT is the file's own
    int32_t          mode          = 0;                    // FLASHHEAD_MODE: top or sample (enum ggml_flash_head_mode)
    float            temperature   = 1.0f;                 // FLASHHEAD_TEMPERATURE, of the draw in mode sample
    uint32_t         seed          = 0;                    // FLASHHEAD_SEED, of the draw
    // FLASHHEAD_MAX_ROWS: batches of more rows are dense; 0 is never dense, -1 is what fits the head
    int32_t          max_rows      = -1;
    bool             reorder       = true;                 // FLASHHEAD_REORDER: a copy of the head in cluster order
    // FLASHHEAD_EXACT: tokens that llama-server proposes before it checks them, 0 for none (off), -1 to choose (auto)
    int32_t          exact         = -1;
    bool             stats         = false;                // FLASHHEAD_STATS: 1 logs what the head did
};

// Reads the environment. On a bad value returns false and names it in error.
bool flash_head_settings_read(flash_head_settings & settings, std::string & error);

struct flash_head_map;

// Fills in settings that are not set, from the file's map and the defaults for heads of this type with rows of n_embd
// columns. Returns false and names the setting in error if one does not fit this model.
bool flash_head_settings_resolve(
        flash_head_settings & settings, const flash_head_map & map, ggml_type weight_type, int64_t n_embd,
        std::string & error);

// Whether FlashHead is to run for drafts, or for targets.
bool flash_head_scope_has(flash_head_scope scope, bool draft);

// The scope's name, as FLASHHEAD_SCOPE has it.
const char * flash_head_scope_name(flash_head_scope scope);

// What is active, for the log: which weight on which device, how its rows lie ("" if as in the file), and how many
// bytes that takes beside the weight itself. settings are resolved.
std::string flash_head_summary(
        const char * device, const char * weight, const flash_head_map & map, const flash_head_settings & settings,
        const char * rows, size_t extra_bytes);

// The ggml type of that name that centroids can have, or GGML_TYPE_COUNT.
ggml_type flash_head_centroid_type(const char * name);
