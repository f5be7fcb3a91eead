#pragma once

// Selects the n best of many scores by a threshold: O(n_keys), no sorting, ties go to the lower index.

#include "flash-head-function.h"

#include <stdint.h>

// An integer key with the order of the scores; -0 equals 0, NaN ranks below everything. Uses the bits alone, as GPU
// compilers may assume that there is neither NaN nor -0.
FLASH_HEAD_FUNCTION int32_t flash_head_key(float score) {
    union { float f; int32_t i; } bits = { score };
    if ((bits.i & INT32_MAX) > 0x7f800000) {
        return INT32_MIN;
    }
    return bits.i == INT32_MIN ? 0 : bits.i ^ ((bits.i >> 31) & INT32_MAX);
}

// The inverse: the score of a key.
FLASH_HEAD_FUNCTION float flash_head_score_of_key(int32_t key) {
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

// The n-th greatest (1 .. n_keys) of keys [n_keys], or a lower key that at most n + slack keys reach.
int32_t flash_head_nth_best(const int32_t * keys, int64_t n_keys, int64_t n, int64_t slack);

// Threshold that selects exactly n (1 .. n_keys) of keys [n_keys].
flash_head_threshold flash_head_select(const int32_t * keys, int64_t n_keys, int64_t n);
