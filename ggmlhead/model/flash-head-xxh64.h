#pragma once

// XXH64, a fast digest that tells files apart but does not withstand forgery. Header only.
//
// Source: xxHash fast digest algorithm, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md

#include <stddef.h>
#include <stdint.h>

namespace flash_head_xxh64_parts {

const uint64_t PRIME_1 = 0x9E3779B185EBCA87;
const uint64_t PRIME_2 = 0xC2B2AE3D27D4EB4F;
const uint64_t PRIME_3 = 0x165667B19E3779F9;
const uint64_t PRIME_4 = 0x85EBCA77C2B2AE63;
const uint64_t PRIME_5 = 0x27D4EB2F165667C5;

inline uint64_t rotated(uint64_t x, int n) { return x << n | x >> (64 - n); }

// Little endian; compilers make one load of it.
inline uint32_t read_32(const uint8_t * p) {
    return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

inline uint64_t read_64(const uint8_t * p) { return read_32(p) | (uint64_t) read_32(p + 4) << 32; }

inline uint64_t round(uint64_t acc, uint64_t lane) { return rotated(acc + lane*PRIME_2, 31)*PRIME_1; }

inline uint64_t merged(uint64_t acc, uint64_t lane) { return (acc ^ round(0, lane))*PRIME_1 + PRIME_4; }

} // namespace flash_head_xxh64_parts

// The XXH64 of size bytes at data, with seed 0.
inline uint64_t flash_head_xxh64(const void * data, size_t size) {
    using namespace flash_head_xxh64_parts;
    const uint8_t * p   = (const uint8_t *) data;
    size_t          n   = size;
    uint64_t        acc = PRIME_5;
    if (n >= 32) {
        uint64_t lanes[4] = { PRIME_1 + PRIME_2, PRIME_2, 0, 0 - PRIME_1 };
        for (; n >= 32; n -= 32, p += 32) {
            for (int i = 0; i < 4; i++) {
                lanes[i] = round(lanes[i], read_64(p + 8*i));
            }
        }
        acc = rotated(lanes[0], 1) + rotated(lanes[1], 7) + rotated(lanes[2], 12) + rotated(lanes[3], 18);
        for (uint64_t lane : lanes) {
            acc = merged(acc, lane);
        }
    }
    acc += size;
    for (; n >= 8; n -= 8, p += 8) {
        acc = rotated(acc ^ round(0, read_64(p)), 27)*PRIME_1 + PRIME_4;
    }
    for (; n >= 4; n -= 4, p += 4) {
        acc = rotated(acc ^ read_32(p)*PRIME_1, 23)*PRIME_2 + PRIME_3;
    }
    for (; n > 0; n--, p++) {
        acc = rotated(acc ^ *p*PRIME_5, 11)*PRIME_1;
    }
    acc = (acc ^ acc >> 33)*PRIME_2;
    acc = (acc ^ acc >> 29)*PRIME_3;
    return acc ^ acc >> 32;
}
