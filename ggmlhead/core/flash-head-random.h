#pragma once

// splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). Same numbers on every
// platform.

#include "flash-head-function.h"

#include <stdint.h>

// The finaliser: random bits for a number z.
FLASH_HEAD_FUNCTION uint64_t flash_head_mix(uint64_t z) {
    z += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30))*0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27))*0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

// Advances the generator. Any state is a valid seed.
static inline uint64_t flash_head_random(uint64_t * state) {
    const uint64_t z = flash_head_mix(*state);
    *state += 0x9e3779b97f4a7c15ull;
    return z;
}
