#pragma once

// Counter-based random numbers for drawing clusters: no state, so any thread and any backend draws the same.

#include <math.h>
#include <stdint.h>
#include <string.h>

// splitmix64's finaliser (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
static inline uint64_t flash_head_draw_mix(uint64_t z) {
    z += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30))*0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27))*0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

// What column i of a row of activations adds to its stream.
static inline uint64_t flash_head_draw_column(float x, int64_t i) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return flash_head_draw_mix((uint64_t) i << 32 | bits);
}

// The stream of one row of activations x [D]: a new position in the text gives new draws, the same one the same. The columns
// are added up, so that threads can share them in any order.
static inline uint64_t flash_head_draw_stream(uint32_t seed, const float * x, int64_t n_embd) {
    uint64_t h = flash_head_draw_mix(seed);
    for (int64_t i = 0; i < n_embd; i++) {
        h += flash_head_draw_column(x[i], i);
    }
    return flash_head_draw_mix(h);
}

// A standard Gumbel variate for item i. The n largest of score/T + gumbel are n items drawn from softmax(score/T)
// without replacement (Kool, van Hoof, Welling: Stochastic Beams and Where to Find Them, 2019).
static inline float flash_head_draw_gumbel(uint64_t stream, int64_t i) {
    const uint64_t bits = flash_head_draw_mix(stream ^ flash_head_draw_mix((uint64_t) i));
    const double   u    = ((double) (bits >> 12) + 0.5)*(1.0/4503599627370496.0); // in (0, 1)
    return (float) -log(-log(u));
}
