#pragma once

// Unpacking of weights for the dense product. Kernels include this file and inline its functions into theirs, so that
// the compiler turns the loops into their instruction set. Formats are ggml's.
//
// A quantised row becomes unsigned bytes, float scales of a part (16 or 32 columns), and perhaps float minimums of 32
// columns: weight = (byte - offset)*scale + minimum.

#include "flash-head-dense-kernels.h"
#include "flash-head-group.h"

#include <string.h>

// As flash_head_half_to_float, without a branch.
ALWAYS_INLINE float dense_half(const uint8_t * p) {
    uint16_t half;
    memcpy(&half, p, sizeof(half));
    const uint32_t sign = (uint32_t) (half & 0x8000) << 16, rest = (uint32_t) (half & 0x7fff) << 13;
    const uint32_t special = rest | 0x7f800000;
    float f;
    memcpy(&f, &rest, sizeof(f));
    f *= 0x1p112f; // the exponent's bias is greater by 112
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    bits = ((half & 0x7c00) == 0x7c00 ? special : bits) | sign;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

typedef uint8_t dense_bytes __attribute__((vector_size(16)));

ALWAYS_INLINE dense_bytes dense_load(const uint8_t * p) {
    dense_bytes v;
    memcpy(&v, p, sizeof(v));
    return v;
}
ALWAYS_INLINE void dense_store(uint8_t * p, dense_bytes v) { memcpy(p, &v, sizeof(v)); }

// 4-bit values, the low halves first; n is a multiple of 16
ALWAYS_INLINE void dense_nibbles(const uint8_t * in, int n, uint8_t * out) {
    for (int i = 0; i < n; i += 16) {
        dense_store(out + i,     dense_load(in + i) & 15);
        dense_store(out + i + n, dense_load(in + i) >> 4);
    }
}

// 5-bit values of 32 columns; bit i of `high` is the fifth bit of column i
ALWAYS_INLINE void dense_fives(const uint8_t * high, const uint8_t * in, uint8_t * out) {
    dense_nibbles(in, 16, out);
    for (int i = 0; i < 4; i++) {
        // byte j keeps bit j of high[i], and becomes 16 if it is not zero
        const uint64_t bits = (uint64_t) high[i]*0x0101010101010101u & 0x8040201008040201u;
        const uint64_t fifth = ((bits + 0x7f7f7f7f7f7f7f7f) | bits) >> 3 & 0x1010101010101010;
        uint64_t eight;
        memcpy(&eight, out + 8*i, sizeof(eight));
        eight |= fifth;
        memcpy(out + 8*i, &eight, sizeof(eight));
    }
}

// Scales and minimums of Q4_K and Q5_K, of 6 bits for each 32 columns.
ALWAYS_INLINE void dense_sixes(const uint8_t * in, float * scales, float * mins) {
    const float unit = dense_half(in), least = dense_half(in + 2);
    const uint8_t * q = in + 4;
    for (int j = 0; j < 8; j++) {
        const int scale = j < 4 ? q[j]     & 63 : (q[j + 4] & 15) | (q[j - 4] >> 6) << 4;
        const int min   = j < 4 ? q[j + 4] & 63 : (q[j + 4] >> 4) | (q[j]     >> 6) << 4;
        scales[j] = unit*(float) scale;
        mins  [j] = -least*(float) min;
    }
}

ALWAYS_INLINE void dense_q5_K(const uint8_t * in, uint8_t * bytes) {
    for (int g = 0; g < 4; g++) {
        for (int i = 0; i < 32; i += 16) {
            const dense_bytes low = dense_load(in + 48 + 32*g + i), high = dense_load(in + 16 + i) >> 2*g;
            dense_store(bytes + 64*g + i,      (low & 15) | (high & 1) << 4);
            dense_store(bytes + 64*g + i + 32, (low >> 4) | (high & 2) << 3);
        }
    }
}

ALWAYS_INLINE void dense_q6_K(const uint8_t * in, uint8_t * bytes, float * scales) {
    for (int h = 0; h < 2; h++) {
        for (int i = 0; i < 32; i += 16) {
            const dense_bytes first = dense_load(in + 64*h + i), second = dense_load(in + 64*h + 32 + i);
            const dense_bytes high  = dense_load(in + 128 + 32*h + i);
            uint8_t * out = bytes + 128*h + i;
            dense_store(out,      (first  & 15) | (high & 3)  << 4);
            dense_store(out + 32, (second & 15) | (high & 12) << 2);
            dense_store(out + 64, (first  >> 4) | (high & 48));
            dense_store(out + 96, (second >> 4) | (high & 192) >> 2);
        }
    }
    const float unit = dense_half(in + 208);
    for (int j = 0; j < 16; j++) {
        scales[j] = unit*(float) (int8_t) in[192 + j];
    }
}

// Unpacks a block; returns where the next one begins.
ALWAYS_INLINE const uint8_t * dense_unpack(int32_t type, const uint8_t * in, uint8_t * bytes,
        float * scales, float * mins) {
    switch (type) {
        case FLASH_HEAD_DENSE_Q8_0:
            scales[0] = dense_half(in);
            dense_store(bytes,      dense_load(in + 2)  ^ 128);
            dense_store(bytes + 16, dense_load(in + 18) ^ 128);
            return in + 34;
        case FLASH_HEAD_DENSE_Q4_0:
            scales[0] = dense_half(in);
            dense_nibbles(in + 2, 16, bytes);
            return in + 18;
        case FLASH_HEAD_DENSE_Q4_1:
            scales[0] = dense_half(in);
            mins  [0] = dense_half(in + 2);
            dense_nibbles(in + 4, 16, bytes);
            return in + 20;
        case FLASH_HEAD_DENSE_Q5_0:
            scales[0] = dense_half(in);
            dense_fives(in + 2, in + 6, bytes);
            return in + 22;
        case FLASH_HEAD_DENSE_Q5_1:
            scales[0] = dense_half(in);
            mins  [0] = dense_half(in + 2);
            dense_fives(in + 4, in + 8, bytes);
            return in + 24;
        case FLASH_HEAD_DENSE_Q4_K:
            dense_sixes(in, scales, mins);
            for (int g = 0; g < 4; g++) {
                dense_nibbles(in + 16 + 32*g, 32, bytes + 64*g);
            }
            return in + 144;
        case FLASH_HEAD_DENSE_Q5_K:
            dense_sixes(in, scales, mins);
            dense_q5_K(in, bytes);
            return in + 176;
        default:
            dense_q6_K(in, bytes, scales);
            return in + 210;
    }
}

// Unpacks a row.
ALWAYS_INLINE void dense_unpack_row(int32_t type, const char * row, int64_t n_embd, uint8_t * bytes, float * scales,
        float * mins) {
    const int64_t block = dense_block(type), part = dense_part(type);
    const uint8_t * in = (const uint8_t *) row;
    for (int64_t c = 0; c < n_embd; c += block) {
        in = dense_unpack(type, in, bytes + c, scales + c/part, mins + c/32);
    }
}

// Converts a row of a float type.
ALWAYS_INLINE void dense_floats(int32_t type, const uint8_t * in, int64_t n, float * out) {
    if (type == FLASH_HEAD_DENSE_F32) {
        memcpy(out, in, n*sizeof(float));
    } else if (type == FLASH_HEAD_DENSE_F16) {
        for (int64_t i = 0; i < n; i++) {
            out[i] = dense_half(in + 2*i);
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            uint16_t upper;
            memcpy(&upper, in + 2*i, sizeof(upper));
            out[i] = flash_head_upper_to_float(upper);
        }
    }
}

// Unpacked rows of the weight, in a kernel's scratch memory.
struct dense_tile {
    float   * floats[FLASH_HEAD_DENSE_TILE]; // [D], or
    int16_t * words [FLASH_HEAD_DENSE_TILE]; // [D], or
    uint8_t * bytes [FLASH_HEAD_DENSE_TILE]; // [D]: values made unsigned
    float   * scales[FLASH_HEAD_DENSE_TILE]; // [D/part]
    float   * mins  [FLASH_HEAD_DENSE_TILE]; // [D/32]
};

static inline size_t dense_tile_size(int64_t n_embd) {
    return FLASH_HEAD_DENSE_TILE*((n_embd + n_embd/16 + n_embd/32)*sizeof(float) + 64);
}

static inline dense_tile dense_tile_at(void * work, int64_t n_embd) {
    dense_tile tile;
    float * p = (float *) work;
    for (int t = 0; t < FLASH_HEAD_DENSE_TILE; t++) {
        tile.floats[t] = p;
        tile.words [t] = (int16_t *) p;
        tile.bytes [t] = (uint8_t *) p;
        tile.scales[t] = p + n_embd;
        tile.mins  [t] = p + n_embd + n_embd/16;
        p += n_embd + n_embd/16 + n_embd/32;
    }
    return tile;
}
