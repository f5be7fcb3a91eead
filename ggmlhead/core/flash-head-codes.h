#pragma once

// The codes of a head: estimates of logits that are finer than the centroids' scores, in two steps.
//
// A row w of the weight is its cluster's centroid c and a residual r = w - c.
//
// The coarse code is read for every token. It keeps the products of r with some directions `rows`, each rounded to
// bits_j bits, and a scale. With the matching directions for x, and q_j from 0 to 2^bits_j - 1:
//     w . x  ~  c . x  +  scale * sum over j of (q_j - (2^bits_j - 1)/2) * step_j * (activations_j . x)
// The fine code is read for the tokens with the best coarse estimates. It keeps what the coarse code left of r, column
// by column, in 4, 2, 1 or no bits, and a scale of its own; the estimates add up.
// docs/estimates.md tells where directions and bits come from (transform coding with reverse water-filling).
//
// Tokens are kept in their own order, because estimates are written where their logits belong.

#include "flash-head-function.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FLASH_HEAD_COARSE_GROUP    64  // tokens of a group
#define FLASH_HEAD_COARSE_LINE     32  // bytes of a line: four bits of each token of a group
#define FLASH_HEAD_COARSE_MAX_BITS 256 // of a token, a multiple of 8
#define FLASH_HEAD_MAX_DIRECTIONS  256 // a multiple of 8
#define FLASH_HEAD_MOST_BITS       5   // of a direction

#define FLASH_HEAD_FINE_LINE       32   // bytes
#define FLASH_HEAD_FINE_MAX_BYTES  2048 // of a token, a multiple of FLASH_HEAD_FINE_LINE

// Columns of x in one part of a projection. Parts make the sums independent of the number of threads.
#define FLASH_HEAD_PART_COLUMNS    128

// Bytes of a group: scales [64] in BF16, then n_bits/4 lines. The low half of byte t of a line belongs to token t, the
// high half to token 32 + t. Line i holds bits 4*i .. 4*i + 3 of each token's code: the directions one after the other,
// of each the highest bit first.
FLASH_HEAD_FUNCTION size_t flash_head_coarse_group_size(int32_t n_bits) {
    return FLASH_HEAD_COARSE_GROUP*sizeof(uint16_t) + (size_t) n_bits/4*FLASH_HEAD_COARSE_LINE;
}

FLASH_HEAD_FUNCTION int64_t flash_head_coarse_n_groups(int64_t n_vocab) {
    return (n_vocab + FLASH_HEAD_COARSE_GROUP - 1)/FLASH_HEAD_COARSE_GROUP;
}

// Bytes of all fine codes: [n_vocab][n_bytes], then their scales [n_vocab] in BF16.
FLASH_HEAD_FUNCTION size_t flash_head_fine_size(int64_t n_vocab, int32_t n_bytes) {
    return (size_t) n_vocab*(n_bytes + sizeof(uint16_t));
}

// A fine code is lines of 32 bytes: n_lines[0] with 4 bits a column, then n_lines[1] with 2, then n_lines[2] with 1. A
// line with b bits a column holds 256/b slots: slot s lies in byte s % 32, from bit s/32*b on. A slot holds one column.
enum { FLASH_HEAD_FINE_WIDTHS = 3 };

// The most slots of a code of n_bytes.
FLASH_HEAD_FUNCTION int32_t flash_head_fine_max_slots(int32_t n_bytes) {
    return 8*n_bytes;
}

// What the codes mean, as one array of floats in this order:
//     n_lines    [4]                      the fine code's lines, then 0
//     bits       [n_directions]           of the coarse code; 0 for directions that fill up
//     projection [n_embd][n_directions]   activations_j * step_j
//     variances  [2][n_embd]              mean square error of a row's column: after the coarse code, after both
//     columns    [8*n_bytes]              column of each slot, -1 for none; these come last
//     steps      [8*n_bytes]              of each slot
FLASH_HEAD_FUNCTION size_t flash_head_basis_n(int64_t n_embd, int32_t n_directions, int32_t fine_bytes) {
    return 4 + (size_t) n_directions + (size_t) n_embd*n_directions + 2*(size_t) n_embd
         + 2*(size_t) flash_head_fine_max_slots(fine_bytes);
}

struct flash_head_codes {
    int32_t n_directions; // a multiple of 8; 0: the head has no codes
    int32_t n_bits;       // of a token's coarse code
    int32_t fine_bytes;   // of a token's fine code; 0: none

    const void  * coarse; // [groups][flash_head_coarse_group_size(n_bits)]
    const void  * fine;   // flash_head_fine_size
    const float * basis;  // flash_head_basis_n
};

// Estimates get half of their expected variance added, at most so many nats: with normal errors e, the mean of exp(e)
// is exp of half their variance.
#define FLASH_HEAD_MAX_VARIANCE 0.5f

// Parts of FLASH_HEAD_PART_COLUMNS columns of rows of n_embd.
FLASH_HEAD_FUNCTION int64_t flash_head_n_parts(int64_t n_embd) {
    return (n_embd + FLASH_HEAD_PART_COLUMNS - 1)/FLASH_HEAD_PART_COLUMNS;
}

// sums [n_directions + 2]: of part `part` of x [n_embd], the products with the projection, then those of its squares
// with the variances.
void flash_head_project_part(const struct flash_head_codes * codes, const float * x, int64_t n_embd, int64_t part,
        float * sums);

// x as the codes need it.
struct flash_head_query {
    uint8_t tables[FLASH_HEAD_COARSE_MAX_BITS/4][16]; // of each line: what four bits add, in units of `unit`
    float   unit, offset;      // coarse: scale * (unit * sum of entries + offset)
    float   fine_unit, fine_offset;
    float   errors[2];         // expected squares of an estimate's error: without and with the fine code
    float   variances[2];      // to add to estimates: half of errors, or less
    int32_t n_lines[FLASH_HEAD_FINE_WIDTHS];
};

// Prepares query from the sums over all parts parts [n_parts][n_directions + 2] and x [n_embd]; slots [8*fine_bytes]
// gets x rounded for the fine code. Numbers that are not finite give estimates without the codes.
void flash_head_query_prepare(const struct flash_head_codes * codes, const float * x, int64_t n_embd,
        const float * parts, struct flash_head_query * query, int8_t * slots);

// Coarse estimates of tokens begin .. end - 1 to out[begin .. end - 1], from the scores of the clusters and the cluster
// of each token; begin is a multiple of the group, and so is end, or it is the number of tokens.
void flash_head_coarse_estimate(const struct flash_head_codes * codes, const struct flash_head_query * query,
        const int32_t * cluster, const float * scores, int64_t begin, int64_t end, float * out);

// Adds the fine code to the coarse estimates of the n tokens in list, in logits [n_vocab].
void flash_head_fine_estimate(const struct flash_head_codes * codes, const struct flash_head_query * query,
        const int8_t * slots, int64_t n_vocab, const int32_t * list, int64_t n, float * logits);

// How codes are made.

// The step of a uniform quantiser of 1 .. 5 bits for normal values of deviation 1 (Max, Quantizing for minimum
// distortion, IRE Transactions on Information Theory 6, 1960); 0 for no bits.
FLASH_HEAD_FUNCTION float flash_head_step_of(int bits) {
    return bits == 1 ? 1.596f  : bits == 2 ? 0.9957f : bits == 3 ? 0.586f
         : bits == 4 ? 0.3352f : bits == 5 ? 0.1881f : 0;
}

// Its mean square error.
FLASH_HEAD_FUNCTION float flash_head_distortion_of(int bits) {
    return bits == 0 ? 1.0f : bits == 1 ? 0.3634f : bits == 2 ? 0.1175f : bits == 3 ? 0.03744f : bits == 4 ? 0.01154f
         : 0.003495f;
}

// Writes the coarse codes of the first n tokens of a group, of which all bits were zero: numbers q [n][stride] of these
// bits [n_directions], and scales [n], which are BF16 values.
void flash_head_coarse_put(uint8_t * group, const float * bits, int32_t n_directions, const int32_t * q, int64_t stride,
        int n, const float * scales);

// codes [n][n_bits/4]: of the first n tokens of a group, four bits each, times 16.
void flash_head_coarse_bits(const uint8_t * group, int32_t n_bits, int n, uint8_t * codes);

// Writes a fine code of lines n_lines: of each slot s, numbers[columns[s]].
void flash_head_fine_put(const int32_t * n_lines, const int32_t * columns, const int32_t * numbers, uint8_t * code);

// Kernels of one instruction set.
struct flash_head_code_kernels {
    const char * name;

    // sums [64]: of each token of a group with n_lines lines, the sum of its tables' entries
    void (*coarse)(const uint8_t * lines, int32_t n_lines, const uint8_t (*tables)[16], uint16_t * sums);

    // out [64] = scales [64] (BF16) * (unit*sums + offset) + add + scores[cluster [64]]
    void (*finish)(const uint16_t * sums, const uint8_t * scales, float unit, float offset, float add,
            const int32_t * cluster, const float * scores, float * out);

    // the sum of a code's values times slots
    int32_t (*fine)(const uint8_t * code, const int32_t * n_lines, const int8_t * slots);

    // list [end - begin + 1] gets those of tokens begin .. end - 1 that are estimated at `least` or more, ascending,
    // then anything; returns their number
    int64_t (*reach)(const float * estimates, int64_t begin, int64_t end, float least, int32_t * list);
};

// The fastest kernels for this processor. All sum the same integers.
const struct flash_head_code_kernels * flash_head_code_kernels_here(void);

// All kernels that this processor can run, and their number; for tests.
const struct flash_head_code_kernels * flash_head_code_kernels_all(int * n);

// For tests: from now on these kernels are used. No call may be running.
void flash_head_code_kernels_use(const struct flash_head_code_kernels * kernels);

#ifdef __cplusplus
}
#endif
