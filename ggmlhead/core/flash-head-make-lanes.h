#pragma once

// The steps of flash-head-make.h in vectors of eight, for each instruction set to compile. Private to the kernels.

#include "flash-head-group.h"
#include "flash-head-lanes.h"
#include "flash-head-make.h"

#include <algorithm>
#include <math.h>
#include <string.h>

// the nearest BF16 value
ALWAYS_INLINE uint16_t upper_of(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    return (uint16_t) ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// The factor with which decoded values are nearest to what was rounded, from their products: least squares. As it is
// kept; 0 if it is not a usable number.
ALWAYS_INLINE float fitted_scale(double with_original, double with_itself) {
    const double scale = with_itself > 0.0 ? with_original/with_itself : 0.0;
    const float  value = flash_head_upper_to_float(upper_of((float) scale));
    return isfinite(value) ? value : 0.0f;
}

// The scale of a block, an F16 value. Sets infinite if it is infinite or a NaN, which are not converted.
ALWAYS_INLINE float scale_of(const uint8_t * block, bool & infinite) {
    uint16_t half;
    memcpy(&half, block, sizeof(half));
    infinite |= (half & 0x7c00) == 0x7c00;
    const uint32_t bits = (uint32_t) (half & 0x7fff) << 13 | (uint32_t) (half & 0x8000) << 16;
    float scale;
    memcpy(&scale, &bits, sizeof(scale));
    return scale*0x1p112f; // the exponents' biases differ by 112
}

ALWAYS_INLINE bool read_row(const uint8_t * __restrict row, const uint8_t * __restrict centroid, int64_t n_blocks,
        float * __restrict out) {
    bool infinite = false;
    for (int64_t b = 0; b < n_blocks; b++, row += 34, centroid += 18, out += 32) {
        const float   scale   = scale_of(row, infinite), of_centroid = scale_of(centroid, infinite);
        const int8_t  * q     = (const int8_t *) row + 2;
        const uint8_t * bytes = centroid + 2; // each holds columns i and 16 + i
        for (int i = 0; i < 16; i++) {
            out[i]      = (float) q[i]     *scale - (float) ((bytes[i] & 15) - 8)*of_centroid;
            out[i + 16] = (float) q[i + 16]*scale - (float) ((bytes[i] >> 4) - 8)*of_centroid;
        }
    }
    return !infinite;
}

// whether squares of numbers with this sum of squares can be added up
ALWAYS_INLINE bool is_usable(double squares) {
    return squares < 1e30;
}

ALWAYS_INLINE float round_row(float * row, const float * per_size, int64_t n, uint8_t * out) {
    floats largest = {}, squares = {};
    for (int64_t k = 0; k < n; k += LANES) {
        floats value, factor;
        load(value, row + k);
        load(factor, per_size + k);
        squares += value*value;
        value *= factor;
        value = value*value;
        larger(largest, value);
    }
    const float most = sqrtf(most_of(largest));
    if (!is_usable(sum_of(squares)) || !(most > 1e-15f && most < 1e15f)) {
        std::fill_n(row, n, 0.0f);
        memset(out, FLASH_HEAD_MAKE_MIDDLE, n);
        return 0.0f;
    }
    const float factor = 31.0f/most;
    for (int64_t k = 0; k < n; k += 32) {
        ints words = {};
        for (int i = 3; i >= 0; i--) {
            floats value, size;
            load(value, row + k + i*LANES);
            load(size, per_size + k + i*LANES);
            ints number;
            truncate(number, value*size*factor + (FLASH_HEAD_MAKE_MIDDLE + 0.5f));
            words = (words << 8) + number;
        }
        memcpy(out + k, &words, sizeof(words));
    }
    return most/31.0f;
}

// deviations: the sum of the values' squares in units of their deviations
ALWAYS_INLINE float round_values(const flash_head_rounding * how, const floats & deviations, const float * values,
        int32_t * numbers, float * decoded) {
    const int32_t n = how->n;
    // the token's own size: a root mean square in units of the mean token's, in which steps are
    const float size = how->n_used > 0 ? sqrtf((float) sum_of(deviations)/(float) how->n_used) : 0.0f;
    if (!(size > 0.0f && isfinite(size) && isfinite(1.0f/size))) {
        std::fill_n(numbers, n, 0);
        std::fill_n(decoded, n, 0.0f);
        return 0.0f;
    }
    const float per_size = 1.0f/size;
    floats with_original = {}, with_itself = {};
    for (int32_t k = 0; k < n; k += LANES) {
        floats value, per_step, middle, step;
        load(value,    values + k);
        load(per_step, how->per_step + k);
        load(middle,   how->middles + k);
        load(step,     how->steps + k);
        // intervals are 1 wide, and half of them lie below 0
        floats shifted = value*(per_step*per_size) + (middle + 0.5f);
        bound(shifted, middle*2.0f);
        ints   number;
        floats whole;
        truncate(number, shifted);
        convert(whole, number);
        const floats of_q = (whole - middle)*step;
        store(numbers + k, number);
        store(decoded + k, of_q);
        with_original += of_q*value;
        with_itself   += of_q*of_q;
    }
    return fitted_scale(sum_of(with_original), sum_of(with_itself));
}

ALWAYS_INLINE void add_deviations(floats & sum, const floats & values, const flash_head_rounding * how, int32_t k) {
    floats per_deviation;
    load(per_deviation, how->per_deviation + k);
    const floats deviation = values*per_deviation;
    sum += deviation*deviation;
}

ALWAYS_INLINE float round_coarse(const flash_head_rounding * how, const int32_t * products, const float * units,
        float unit, float * values, int32_t * numbers, float * decoded) {
    floats deviations = {};
    for (int32_t k = 0; k < how->n; k += LANES) {
        ints   product;
        floats value, of_direction;
        load(product, products + k);
        convert(value, product);
        load(of_direction, units + k);
        value *= of_direction*unit;
        store(values + k, value);
        add_deviations(deviations, value, how, k);
    }
    return round_values(how, deviations, values, numbers, decoded);
}

// N: columns of a block
template <int N> ALWAYS_INLINE void decode(const uint8_t * codes, int n, int32_t n_lines, const int16_t * tables,
        int64_t n_columns, int16_t * out, int64_t stride) {
    const int64_t table = 16*N, scale = N/16; // codes are times 16
    for (int64_t k = 0; k < n_columns; k += N, tables += n_lines*table) {
        for (int t = 0; t < n; t++) {
            const uint8_t * code = codes + t*n_lines;
#if defined(__GNUC__)
            typedef int16_t block __attribute__((vector_size(N*sizeof(int16_t)), aligned(sizeof(int16_t)), may_alias));
            block sums[2] = {};
            int32_t l = 0;
            for (; l + 8 <= n_lines; l += 8) {
                const int16_t * at = tables + l*table;
                uint32_t four[2]; // reading bytes one by one would keep the loads busy
                memcpy(four, code + l, sizeof(four));
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) {
                    sums[0] += *(const block *) (at + i*table       + (four[0] >> 8*i & 0xff)*scale);
                    sums[1] += *(const block *) (at + (i + 4)*table + (four[1] >> 8*i & 0xff)*scale);
                }
            }
            for (; l < n_lines; l++) {
                sums[0] += *(const block *) (tables + l*table + code[l]*scale);
            }
            *(block *) (out + t*stride + k) = sums[0] + sums[1];
#else
            int16_t sums[N] = {};
            for (int32_t l = 0; l < n_lines; l++) {
                for (int i = 0; i < N; i++) {
                    sums[i] = (int16_t) (sums[i] + tables[l*table + code[l]*scale + i]);
                }
            }
            memcpy(out + t*stride + k, sums, sizeof(sums));
#endif
        }
    }
}

ALWAYS_INLINE float finish(float * row, const int16_t * sums, const float * units, float scale,
        const flash_head_rounding * fine, int32_t * numbers, float * decoded, float * squares) {
    const int32_t n = fine->n;
    floats of_row = {}, deviations = {};
    for (int32_t k = 0; k < n; k += LANES) {
        floats left, sum, unit;
        load(left, row + k);
        load(unit, units + k);
        convert(sum, sums + k);
        left -= sum*(unit*scale);
        store(row + k, left);
        of_row += left*left;
        add_deviations(deviations, left, fine, k);
    }
    if (!is_usable(sum_of(of_row))) {
        std::fill_n(row, n, 0.0f);
        deviations = floats{};
    }
    const float fine_scale = round_values(fine, deviations, row, numbers, decoded);
    for (int32_t k = 0; k < n; k += LANES) {
        floats before, code, sum, sum_after;
        load(before, row + k);
        load(code, decoded + k);
        load(sum, squares + k);
        load(sum_after, squares + n + k);
        const floats after = before - code*fine_scale;
        store(squares + k,     sum + before*before);
        store(squares + n + k, sum_after + after*after);
    }
    return fine_scale;
}
