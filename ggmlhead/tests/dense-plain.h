#pragma once

// Weights of all types with kernels, and plain dot products with them, straight from the formats. Needs nothing of
// ggml.

#include "flash-head-dense-kernels.h"
#include "flash-head-group.h"

#include <algorithm>
#include <math.h>
#include <random>
#include <string.h>
#include <vector>

struct dense_case {
    const char * name;
    int32_t      type;
    int64_t      n_embd;
    flash_head_dot dot;
    std::vector<uint8_t> weight;
};

inline float plain_half(const uint8_t * p) {
    uint16_t half;
    memcpy(&half, p, sizeof(half));
    return flash_head_half_to_float(half);
}

inline uint16_t plain_to_half(float f) { // truncates; for numbers that are normal as halves
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    const int32_t exponent = (int32_t) (bits >> 23 & 255) - 112;
    return exponent <= 0 || exponent > 30 ? (uint16_t) (bits >> 16 & 0x8000)
                                          : (uint16_t) ((bits >> 16 & 0x8000) | exponent << 10 | (bits >> 13 & 0x3ff));
}

// the value of column i of a weight in units of its scale, the scale, and the minimum
struct plain_weight { int value; float scale, min; };

inline plain_weight plain_at(int32_t type, const uint8_t * row, int64_t i) {
    const int j = i % 32, nibble = j < 16 ? 0 : 4;
    if (type == FLASH_HEAD_DENSE_Q8_0) {
        const uint8_t * b = row + i/32*34;
        return { (int8_t) b[2 + j], plain_half(b), 0 };
    }
    if (type == FLASH_HEAD_DENSE_Q4_0 || type == FLASH_HEAD_DENSE_Q4_1) {
        const bool with_min = type == FLASH_HEAD_DENSE_Q4_1;
        const uint8_t * b = row + i/32*(with_min ? 20 : 18);
        const int value = b[(with_min ? 4 : 2) + j%16] >> nibble & 15;
        return { value - (with_min ? 0 : 8), plain_half(b), with_min ? plain_half(b + 2) : 0 };
    }
    if (type == FLASH_HEAD_DENSE_Q5_0 || type == FLASH_HEAD_DENSE_Q5_1) {
        const bool with_min = type == FLASH_HEAD_DENSE_Q5_1;
        const uint8_t * b = row + i/32*(with_min ? 24 : 22), * high = b + (with_min ? 4 : 2);
        const int value = (high[4 + j%16] >> nibble & 15) | (high[j/8] >> j%8 & 1) << 4;
        return { value - (with_min ? 0 : 16), plain_half(b), with_min ? plain_half(b + 2) : 0 };
    }
    const int k = i % 256;
    if (type == FLASH_HEAD_DENSE_Q6_K) {
        const uint8_t * b = row + i/256*210;
        const int half = k/128, quarter = k%128/32;
        const int low  = b[64*half + quarter%2*32 + j] >> (quarter/2*4) & 15;
        const int high = b[128 + 32*half + j] >> (2*quarter) & 3;
        return { (low | high << 4) - 32, plain_half(b + 208)*(float) (int8_t) b[192 + k/16], 0 };
    }
    const bool five = type == FLASH_HEAD_DENSE_Q5_K;
    const uint8_t * b = row + i/256*(five ? 176 : 144), * q = b + 4;
    const int part   = k/32, low = b[(five ? 48 : 16) + k/64*32 + j] >> (part%2*4) & 15;
    const int scale  = part < 4 ? q[part] & 63     : (q[part + 4] & 15) | (q[part - 4] >> 6) << 4;
    const int min    = part < 4 ? q[part + 4] & 63 : (q[part + 4] >> 4) | (q[part]     >> 6) << 4;
    return { low | (five ? (b[16 + j] >> part & 1) << 4 : 0), plain_half(b)*(float) scale,
            -plain_half(b + 2)*(float) min };
}

// rounds activations to 8 bits, with the largest of 32 or 256 at 127
inline int8_t plain_round(float x, float scale) {
    return scale > 0 && fabsf(x) <= 127.5f*scale ? (int8_t) lrintf(fmaxf(-127, fminf(127, x/scale))) : (int8_t) 0;
}
inline float plain_scale(const float * x, int n) {
    float most = 0;
    for (int i = 0; i < n; i++) { most = fabsf(x[i]) > most ? fabsf(x[i]) : most; }
    return most/127;
}

template <int32_t TYPE> void plain_from_float(const float * x, void * out, int64_t n) {
    uint8_t * p = (uint8_t *) out;
    const bool k = TYPE == FLASH_HEAD_DENSE_Q4_K || TYPE == FLASH_HEAD_DENSE_Q5_K || TYPE == FLASH_HEAD_DENSE_Q6_K;
    const bool with_sum = TYPE == FLASH_HEAD_DENSE_Q4_1 || TYPE == FLASH_HEAD_DENSE_Q5_1;
    const int  block = k ? 256 : 32;
    if (TYPE == FLASH_HEAD_DENSE_F32) {
        memcpy(out, x, n*sizeof(float));
        return;
    }
    for (int64_t i = 0; (TYPE == FLASH_HEAD_DENSE_F16 || TYPE == FLASH_HEAD_DENSE_BF16) && i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof(bits));
        const uint16_t half = TYPE == FLASH_HEAD_DENSE_F16 ? plain_to_half(x[i]) : (uint16_t) (bits >> 16);
        memcpy(p + 2*i, &half, sizeof(half));
    }
    if (TYPE == FLASH_HEAD_DENSE_F16 || TYPE == FLASH_HEAD_DENSE_BF16) { return; }
    for (int64_t b = 0; b < n/block; b++, x += block) {
        float scale = plain_scale(x, block);
        const uint16_t half = plain_to_half(scale);
        if (k) {
            memcpy(p, &scale, 4);
        } else {
            memcpy(p, &half, 2);
            scale = flash_head_half_to_float(half);
        }
        int8_t * values = (int8_t *) p + (k ? 4 : with_sum ? 4 : 2);
        int sum = 0;
        for (int i = 0; i < block; i++) { sum += values[i] = plain_round(x[i], scale); }
        const uint16_t scaled = plain_to_half(scale*(float) sum);
        if (with_sum) { memcpy(p + 2, &scaled, 2); }
        p = (uint8_t *) values + block + (k ? 32 : 0);
    }
}

template <int32_t TYPE> void plain_dot(int n, float * s, size_t, const void * x, size_t, const void * y, size_t, int) {
    const uint8_t * row = (const uint8_t *) x, * act = (const uint8_t *) y;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        if (TYPE == FLASH_HEAD_DENSE_F32) {
            sum += (double) ((const float *) x)[i]*((const float *) y)[i];
        } else if (TYPE == FLASH_HEAD_DENSE_F16) {
            sum += (double) plain_half(row + 2*i)*plain_half(act + 2*i);
        } else if (TYPE == FLASH_HEAD_DENSE_BF16) {
            const uint16_t * a = (const uint16_t *) x, * b = (const uint16_t *) y;
            sum += (double) flash_head_upper_to_float(a[i])*flash_head_upper_to_float(b[i]);
        } else {
            const plain_weight w = plain_at(TYPE, row, i);
            if (TYPE == FLASH_HEAD_DENSE_Q4_K || TYPE == FLASH_HEAD_DENSE_Q5_K || TYPE == FLASH_HEAD_DENSE_Q6_K) {
                float scale;
                memcpy(&scale, act + i/256*292, 4);
                sum += ((double) w.value*w.scale + w.min)*(int8_t) act[i/256*292 + 4 + i%256]*scale;
            } else if (TYPE == FLASH_HEAD_DENSE_Q4_1 || TYPE == FLASH_HEAD_DENSE_Q5_1) {
                const uint8_t * b = act + i/32*36;
                sum += (double) w.value*w.scale*(int8_t) b[4 + i%32]*plain_half(b);
                if (i % 32 == 0) { sum += (double) w.min*plain_half(b + 2); }
            } else {
                const uint8_t * b = act + i/32*34;
                sum += (double) w.value*w.scale*(int8_t) b[2 + i%32]*plain_half(b);
            }
        }
    }
    *s = (float) sum;
}

// Random bytes, of which scales are made small numbers; every third row has the greatest values only.
template <int32_t TYPE> dense_case plain_case(const char * name, int64_t block, int64_t size, int64_t act_block,
        int64_t act_size, std::vector<int> halves, int64_t n_embd, int64_t n_vocab) {
    std::mt19937 rng(TYPE + 1);
    dense_case c = { name, TYPE, n_embd, { plain_dot<TYPE>, plain_from_float<TYPE>, (size_t) (n_embd/block*size),
            (size_t) (n_embd/act_block*act_size) }, {} };
    c.weight.resize(n_vocab*c.dot.row_size);
    for (size_t i = 0; i < c.weight.size(); i++) {
        const size_t row = i/c.dot.row_size;
        c.weight[i] = row % 6 == 1 ? 0xff : row % 6 == 3 ? 0x80 : row % 6 == 5 ? 0x7f : (uint8_t) rng();
    }
    for (size_t b = 0; b < c.weight.size(); b += size) {
        for (int at : halves) {
            const uint16_t scale = (uint16_t) (0x2000 + rng() % 0x800 + (rng() & 0x8000));
            memcpy(&c.weight[b + at], &scale, sizeof(scale));
        }
    }
    for (size_t i = 0; size <= 4 && i < c.weight.size(); i += size) { // floats
        const float f = (float) ((int) (rng() % 2001) - 1000)/500.0f;
        const uint16_t half = plain_to_half(f);
        memcpy(&c.weight[i], size == 4 ? (const void *) &f : &half, size);
        if (TYPE == FLASH_HEAD_DENSE_BF16) { memcpy(&c.weight[i], (const char *) &f + 2, 2); }
    }
    return c;
}

inline std::vector<dense_case> dense_cases(int64_t n_vocab) {
    std::vector<dense_case> all;
    for (int64_t D : { 32, 96, 640 }) {
        all.push_back(plain_case<FLASH_HEAD_DENSE_Q4_0>("q4_0", 32, 18, 32, 34, { 0 },    D, n_vocab));
        all.push_back(plain_case<FLASH_HEAD_DENSE_Q4_1>("q4_1", 32, 20, 32, 36, { 0, 2 }, D, n_vocab));
        all.push_back(plain_case<FLASH_HEAD_DENSE_Q5_0>("q5_0", 32, 22, 32, 34, { 0 },    D, n_vocab));
        all.push_back(plain_case<FLASH_HEAD_DENSE_Q5_1>("q5_1", 32, 24, 32, 36, { 0, 2 }, D, n_vocab));
        all.push_back(plain_case<FLASH_HEAD_DENSE_Q8_0>("q8_0", 32, 34, 32, 34, { 0 },    D, n_vocab));
        all.push_back(plain_case<FLASH_HEAD_DENSE_F32> ("f32",  1, 4, 1, 4, {}, D + 4, n_vocab));
        all.push_back(plain_case<FLASH_HEAD_DENSE_F16> ("f16",  1, 2, 1, 2, {}, D + 4, n_vocab));
        all.push_back(plain_case<FLASH_HEAD_DENSE_BF16>("bf16", 1, 2, 1, 2, {}, D + 4, n_vocab));
    }
    for (int64_t D : { 256, 768 }) {
        all.push_back(plain_case<FLASH_HEAD_DENSE_Q4_K>("q4_K", 256, 144, 256, 292, { 0, 2 }, D, n_vocab));
        all.push_back(plain_case<FLASH_HEAD_DENSE_Q5_K>("q5_K", 256, 176, 256, 292, { 0, 2 }, D, n_vocab));
        all.push_back(plain_case<FLASH_HEAD_DENSE_Q6_K>("q6_K", 256, 210, 256, 292, { 208 },  D, n_vocab));
    }
    return all;
}
