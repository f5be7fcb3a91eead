#pragma once

// Selection of the n best of many scores, as a threshold: O(n_keys), no sorting, ties go to the lower index.

#include "flash-head-function.h"

#include <stdint.h>

// A score as a whole number of the same order, in which -0 and 0 are the same; NaN ranks below everything. By its bits
// alone: GPU compilers are often told that there is neither NaN nor -0.
FLASH_HEAD_FUNCTION int32_t flash_head_key(float score) {
    union { float f; int32_t i; } bits = { score };
    if ((bits.i & INT32_MAX) > 0x7f800000) {
        return INT32_MIN;
    }
    return bits.i == INT32_MIN ? 0 : bits.i ^ ((bits.i >> 31) & INT32_MAX);
}

// The score that has this key; NaN for the key of NaN.
FLASH_HEAD_FUNCTION float flash_head_score(int32_t key) {
    union { int32_t i; float f; } bits = { key ^ ((key >> 31) & INT32_MAX) };
    return bits.f;
}

// The worst item that is still selected.
struct flash_head_threshold {
    int32_t key;
    int32_t index;
};

FLASH_HEAD_FUNCTION bool flash_head_selected(flash_head_threshold t, int32_t key, int32_t index) {
    return key > t.key || (key == t.key && index <= t.index);
}

// The n-th greatest (1 .. n_keys) of keys [n_keys], or one that at most n + slack keys reach and n do.
int32_t flash_head_nth_best(const int32_t * keys, int64_t n_keys, int64_t n, int64_t slack);

// Threshold that selects exactly n (1 .. n_keys) of keys [n_keys].
flash_head_threshold flash_head_select(const int32_t * keys, int64_t n_keys, int64_t n);
