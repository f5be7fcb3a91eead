#pragma once

// Selection of the n best of K scores, as a threshold: O(K), no sorting, ties go to the lower index.

#include <stdint.h>

// A score as an unsigned integer of the same order; NaN ranks below everything.
static inline uint32_t flash_head_key(float score) {
    if (score != score) {
        return 0;
    }
    union { float f; uint32_t u; } bits = { score };
    return bits.u & 0x80000000u ? ~bits.u : bits.u | 0x80000000u;
}

// The score that has this key; NaN for the key of NaN.
static inline float flash_head_score(uint32_t key) {
    union { uint32_t u; float f; } bits = { key & 0x80000000u ? key & 0x7fffffffu : ~key };
    return bits.f;
}

// An item and its rank: greater is better.
struct flash_head_candidate {
    uint32_t key;
    int32_t  index;
};

// The worst item that is still selected.
struct flash_head_threshold {
    uint32_t key;
    int32_t  index;
};

static inline bool flash_head_selected(flash_head_threshold t, uint32_t key, int32_t index) {
    return key > t.key || (key == t.key && index <= t.index);
}

// The n-th greatest (1 .. n_keys) of keys [n_keys].
uint32_t flash_head_nth_best(const uint32_t * keys, int64_t n_keys, int64_t n);

// Threshold that selects exactly n (1 .. n_keys) of keys [n_keys]. scratch [n_keys].
flash_head_threshold flash_head_select(const uint32_t * keys, int64_t n_keys, int64_t n, flash_head_candidate * scratch);
