#pragma once

// Tells the loader what a model is for, where llama.cpp's common code prepares speculative decoding. The loader itself
// cannot know: it gets the mark as an override of a metadata key that no file has.
// These two functions are all that common's own files call.

#include "common.h"

#include <algorithm>
#include <stdio.h>
#include <string.h>

// what the key says: a draft model, or a target of which drafts borrow the head
static const char * const COMMON_FLASH_HEAD_ROLE        = "flashhead.role";
static const char * const COMMON_FLASH_HEAD_ROLE_DRAFT  = "draft";
static const char * const COMMON_FLASH_HEAD_ROLE_LENDER = "lender";

inline void common_flash_head_set_role(common_params & params, const char * role) {
    auto & overrides = params.kv_overrides;
    overrides.erase(std::remove_if(overrides.begin(), overrides.end(), [](const llama_model_kv_override & o) {
        return o.key[0] == '\0' || strcmp(o.key, COMMON_FLASH_HEAD_ROLE) == 0;
    }), overrides.end());

    llama_model_kv_override mark = {};
    mark.tag = LLAMA_KV_OVERRIDE_TYPE_STR;
    snprintf(mark.key,     sizeof(mark.key),     "%s", COMMON_FLASH_HEAD_ROLE);
    snprintf(mark.val_str, sizeof(mark.val_str), "%s", role);
    overrides.push_back(mark);
    overrides.push_back({}); // an empty key ends the list
}

// Marks params, of which a draft model is loaded if there is one.
inline void common_flash_head_mark_draft(common_params & params) {
    if (params.speculative.has_dft()) {
        common_flash_head_set_role(params, COMMON_FLASH_HEAD_ROLE_DRAFT);
    }
}

// Marks params, of which a target is loaded, if its draft is of a kind that may come without a head and use the
// target's.
inline void common_flash_head_mark_target(common_params & params) {
    const auto & types = params.speculative.types;
    const bool borrows = std::any_of(types.begin(), types.end(), [](common_speculative_type type) {
        return type == COMMON_SPECULATIVE_TYPE_DRAFT_EAGLE3
            || type == COMMON_SPECULATIVE_TYPE_DRAFT_DFLASH
            || type == COMMON_SPECULATIVE_TYPE_DRAFT_DSPARK;
    });
    if (params.speculative.has_dft() && borrows) {
        common_flash_head_set_role(params, COMMON_FLASH_HEAD_ROLE_LENDER);
    }
}
