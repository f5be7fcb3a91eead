#pragma once

// Counter-based random numbers for drawing clusters: no state, so any thread and any backend draws the same.

#include "flash-head-random.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

// The contribution of column i of a row of activations to the row's stream.
FLASH_HEAD_FUNCTION uint64_t flash_head_draw_column(float x, int64_t i) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return flash_head_mix((uint64_t) i << 32 | bits);
}

// The stream of one row of activations x [D]. Equal activations give equal draws. The columns' contributions are
// summed, so threads can share them in any order.
static inline uint64_t flash_head_draw_stream(uint32_t seed, const float * x, int64_t n_embd) {
    uint64_t h = flash_head_mix(seed);
    for (int64_t i = 0; i < n_embd; i++) {
        h += flash_head_draw_column(x[i], i);
    }
    return flash_head_mix(h);
}

// 52 random bits for item i: (bits + 0.5)/2^52 is uniform in (0, 1).
FLASH_HEAD_FUNCTION uint64_t flash_head_draw_bits(uint64_t stream, int64_t i) {
    return flash_head_mix(stream ^ flash_head_mix((uint64_t) i)) >> 12;
}

// A standard Gumbel variate for item i. The n largest of score/T + gumbel are n items drawn from softmax(score/T)
// without replacement (Kool, van Hoof, Welling: Stochastic Beams and Where to Find Them, 2019).
FLASH_HEAD_FUNCTION float flash_head_draw_gumbel(uint64_t stream, int64_t i) {
    const double u = ((double) flash_head_draw_bits(stream, i) + 0.5)*(1.0/4503599627370496.0);
    return (float) -log(-log(u));
}

// The same variate in single precision, for GPUs: absolute or relative error below 1e-6. For u near 1 it starts from
// 1 - u, which a float represents accurately.
FLASH_HEAD_FUNCTION float flash_head_draw_gumbel_float(uint64_t bits) {
    const uint64_t last = (1ull << 52) - 1;
    const float    e    = bits <= last/2 ? -logf  ( ((float)         bits  + 0.5f)*(1.0f/4503599627370496.0f))
                                         : -log1pf(-((float) (last - bits) + 0.5f)*(1.0f/4503599627370496.0f));
    return -logf(e);
}
