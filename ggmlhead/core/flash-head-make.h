#pragma once

// Steps that make codes (flash-head-codes.h) of residuals, and their kernels by instruction set. Used by those who load
// a head, in another library than estimating. For the residuals of some tokens:
//
// 1. read, for some types; round_row: each residual to 6 bits a column, in units of the column's size
// 2. project: integer products with the directions
// 3. round: each token's products to the numbers of its coarse code
// 4. decode: sums of table entries, one for four bits of the coarse code
// 5. finish: subtract these, and round what is left to the numbers of the fine code
//
// All kernels give the same bytes: they sum integers, or floats in lanes, and nothing is fused.

#include "flash-head-codes.h"

#include <math.h>
#include <stdint.h>

#include <vector>

// Columns, and values to round, are filled up with zeros to multiples of this.
#define FLASH_HEAD_MAKE_LANES   32
// Values of a rounded row are 1 .. 63 and stand for -31 .. 31.
#define FLASH_HEAD_MAKE_MIDDLE  32
// The largest entry of a rounded direction: 16 bits hold the sum of 8 products with values below 64.
#define FLASH_HEAD_MAKE_LARGEST 64
// Directions that lie side by side.
#define FLASH_HEAD_MAKE_PANEL   8
// Columns of a block of decode's tables for most kernels: so many numbers of 16 bits are a vector, and a block's tables
// fit in the innermost cache.
#define FLASH_HEAD_MAKE_BLOCK   16

// Where round_row puts a column: eight columns are a vector of words, and of 32 columns each word has four.
static inline int64_t flash_head_rounded_place(int64_t column) {
    return column/32*32 + column%8*4 + column%32/8;
}

// How values are rounded to numbers of a few bits. Number q of value i stands for (q - middles[i])*steps[i]. Values
// without bits have zeros in all arrays.
struct flash_head_rounding {
    int32_t n;                    // values, a multiple of FLASH_HEAD_MAKE_LANES
    int32_t n_used;               // values with bits
    const float * middles;        // half of the largest number
    const float * steps;
    const float * per_step;       // 1/step
    const float * per_deviation;  // step_of(bits)/step
};

// Such arrays for values with these bits and steps; no bits or no step: none.
class flash_head_rounder {
    std::vector<float> middles, steps, per_step, per_deviation;
    int32_t n_used = 0;

public:
    flash_head_rounder(const float * bits, const float * given, int32_t n)
        : middles((n + FLASH_HEAD_MAKE_LANES - 1)/FLASH_HEAD_MAKE_LANES*FLASH_HEAD_MAKE_LANES), steps(middles.size()),
          per_step(middles.size()), per_deviation(middles.size()) {
        for (int32_t i = 0; i < n; i++) {
            const float inverse = 1.0f/given[i];
            if (bits[i] > 0.0f && given[i] > 0.0f && inverse > 0.0f && isfinite(inverse)) {
                middles[i]       = (float) ((1 << (int) bits[i]) - 1)*0.5f;
                steps[i]         = given[i];
                per_step[i]      = inverse;
                per_deviation[i] = flash_head_step_of((int) bits[i])*inverse;
                n_used++;
            }
        }
    }

    flash_head_rounding get() const {
        return { (int32_t) middles.size(), n_used, middles.data(), steps.data(), per_step.data(),
            per_deviation.data() };
    }
};

struct flash_head_make_kernels {
    const char * name;

    // out [32*n_blocks]: a row in Q8_0 less a centroid in Q4_0. Returns false if a scale is not finite.
    bool (*read)(const uint8_t * row, const uint8_t * centroid, int64_t n_blocks, float * out);

    // out [n] = row [n] * per_size [n], rounded to 1 .. 63, in the order of flash_head_rounded_place. Returns the unit;
    // 0 if the row is zero. A row of which the squares cannot be summed becomes zeros.
    float (*round_row)(float * row, const float * per_size, int64_t n, uint8_t * out);

    // out [4*n_fours][n_directions]: products of rows [4*n_fours][n_columns] as round_row makes them, minus 32, with
    // directions [n_directions/8][n_columns/4][8][4] in the same order of columns. sums [n_directions]: of a direction.
    void (*project)(const uint8_t * rows, int n_fours, int64_t n_columns, const int8_t * directions,
            const int32_t * sums, int32_t n_directions, int32_t * out);

    // Rounds values [n] = products * units * unit to numbers [n], after dividing them by their common size. Returns the
    // scale that fits best, as BF16 keeps it; 0 if there is none. decoded [n] gets what numbers stand for, without the
    // scale.
    float (*round)(const struct flash_head_rounding * how, const int32_t * products, const float * units, float unit,
            float * values, int32_t * numbers, float * decoded);

    // out [n][stride]: of each of n tokens, the sums of its tables' entries. codes [n][n_lines]: four bits, times 16.
    // tables [n_columns/decode_block][n_lines][16][decode_block]; decode_block is 16 or 32
    int32_t decode_block;
    void (*decode)(const uint8_t * codes, int n, int32_t n_lines, const int16_t * tables, int64_t n_columns,
            int16_t * out, int64_t stride);

    // row [fine->n] -= sums * units * scale, then minus the fine code: numbers and the returned scale. Adds the squares
    // of both differences to squares [2][fine->n]. A row of which the squares cannot be summed becomes zeros. decoded
    // [fine->n] is scratch memory.
    float (*finish)(float * row, const int16_t * sums, const float * units, float scale,
            const struct flash_head_rounding * fine, int32_t * numbers, float * decoded, float * squares);
};

// The fastest kernels for this processor.
const struct flash_head_make_kernels * flash_head_make_kernels_here(void);

// All kernels that this processor can run, the portable ones last, and their number; for tests.
const struct flash_head_make_kernels * flash_head_make_kernels_all(int * n);

// Each function puts the kernels that this processor can run into list, where plain ones stood, fastest first, and
// returns their number.
int flash_head_make_kernels_x86(struct flash_head_make_kernels * list);
int flash_head_make_kernels_arm(struct flash_head_make_kernels * list);

// Puts the kernels of AVX-512 in the place of AVX2's where they are faster. Returns false if this processor has none.
bool flash_head_make_kernels_avx512(struct flash_head_make_kernels * kernels);
