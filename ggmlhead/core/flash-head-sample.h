#pragma once

// The sample of tokens from which selection by tokens takes its threshold.
//
// The threshold is an order statistic of the estimates of every stride-th token. Looking at all estimates would cost
// more than scoring a few tokens too many or too few. (The best of each group would be a smaller sample, but the best
// tokens are often neighbours.)

#include "flash-head-function.h"

#include <stdint.h>

// The sample is large enough to hold FLASH_HEAD_SAMPLED_BEST of the best tokens, but at most FLASH_HEAD_MAX_SAMPLE.
#define FLASH_HEAD_SAMPLED_BEST 256
#define FLASH_HEAD_MAX_SAMPLE   (32*1024)
#define FLASH_HEAD_MAX_STRIDE   16

struct flash_head_sample {
    int64_t stride; // 1: all
    int64_t size;   // of the sample
    int64_t n_best; // of the sample, above the threshold
    int64_t slack;  // more than n_best that are tolerated
};

// The sample for a threshold that about n_wanted of n_vocab tokens reach.
static inline struct flash_head_sample flash_head_sample_of(int64_t n_vocab, int64_t n_wanted) {
    const int64_t by_best = n_wanted/FLASH_HEAD_SAMPLED_BEST;
    const int64_t by_size = n_wanted < FLASH_HEAD_SAMPLED_BEST ? 1
            : (n_vocab + FLASH_HEAD_MAX_SAMPLE - 1)/FLASH_HEAD_MAX_SAMPLE;
    const int64_t stride  = by_best > by_size ? by_best : by_size;

    struct flash_head_sample s;
    s.stride = stride < FLASH_HEAD_MAX_STRIDE ? stride : FLASH_HEAD_MAX_STRIDE;
    s.size   = (n_vocab  + s.stride - 1)/s.stride;
    s.n_best = (n_wanted + s.stride - 1)/s.stride;
    s.slack  = s.stride == 1 ? 0 : s.n_best/64;
    return s;
}

// Item i of the sample. Jitter inside each stride; a fixed stride would alias with periodic vocabularies.
FLASH_HEAD_FUNCTION int64_t flash_head_sample_token(struct flash_head_sample s, int64_t i, int64_t n_vocab) {
    const int64_t v = i*s.stride + (int64_t) (((uint32_t) i*2654435761u >> 16)*(uint32_t) s.stride >> 16);
    return v < n_vocab ? v : n_vocab - 1;
}
