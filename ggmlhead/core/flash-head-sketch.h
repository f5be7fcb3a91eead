#pragma once

// The sketch of a head: an estimate of each token's logit that is finer than its centroid's score.
//
// A row w of the weight is its cluster's centroid c and a residual w - c. The sketch keeps `rank` numbers of each
// residual, its products with the directions `rows`, in 4 bits with a scale; `projection` holds the matching directions
// for x:
//     w . x  ~  c . x  +  sum over j of  ((w - c) . rows_j) (projection_j . x)
// docs/accuracy.md tells where the directions come from and what the estimate gains.
//
// Tokens are kept in their own order, in groups (flash-head-group.h): the estimates of all are written where their
// logits belong, one after the other.

#include "flash-head-group.h"

#ifdef __cplusplus
extern "C" {
#endif

// rank is a multiple of FLASH_HEAD_SKETCH_STEP and at most FLASH_HEAD_SKETCH_MAX_RANK.
#define FLASH_HEAD_SKETCH_STEP     FLASH_HEAD_LINE_COLUMNS
#define FLASH_HEAD_SKETCH_MAX_RANK 64

// Columns of x in one part of a projection. Parts make the sums independent of the number of threads.
#define FLASH_HEAD_SKETCH_COLUMNS 128

// Bytes of one group: scales [FLASH_HEAD_GROUP] in BF16, then rank/8 lines.
FLASH_HEAD_FUNCTION size_t flash_head_sketch_group_size(int32_t rank) {
    return FLASH_HEAD_GROUP*sizeof(uint16_t) + (size_t) rank/FLASH_HEAD_LINE_COLUMNS*FLASH_HEAD_LINE_SIZE;
}

// Groups of a sketch of n_vocab tokens.
FLASH_HEAD_FUNCTION int64_t flash_head_sketch_n_groups(int64_t n_vocab) {
    return (n_vocab + FLASH_HEAD_GROUP - 1)/FLASH_HEAD_GROUP;
}

// Rounds factors [n][rank] of the n <= FLASH_HEAD_GROUP tokens of a group; missing tokens become zero.
void flash_head_sketch_pack(const float * factors, int32_t n, int32_t rank, void * group);

// Parts of FLASH_HEAD_SKETCH_COLUMNS columns of rows of n_embd.
FLASH_HEAD_FUNCTION int64_t flash_head_sketch_n_parts(int64_t n_embd) {
    return (n_embd + FLASH_HEAD_SKETCH_COLUMNS - 1)/FLASH_HEAD_SKETCH_COLUMNS;
}

// sums [rank]: the projections of part `part` of x [n_embd] on the directions projection [n_embd][rank].
void flash_head_sketch_project(const float * projection, int32_t rank, const float * x, int64_t n_embd, int64_t part,
        float * sums);

// Sums the projections parts [n_parts][rank] and rounds the sums.
void flash_head_sketch_round(const float * parts, int64_t n_parts, int32_t rank, struct flash_head_code * code);

// Both steps for x [n_embd].
void flash_head_sketch_encode(const float * projection, int32_t rank, const float * x, int64_t n_embd,
        struct flash_head_code * code);

// The estimates of tokens begin .. end - 1 to out[begin .. end - 1], from the scores of the clusters and the cluster of
// each token; begin is a multiple of FLASH_HEAD_GROUP, and so is end, or it is the number of tokens. best, if not NULL,
// gets the maximum of group g at best[g]; any element if one is NaN.
void flash_head_sketch_estimate(
        const void * sketch, int32_t rank, const struct flash_head_code * code, const int32_t * cluster,
        const float * scores,
        int64_t begin, int64_t end, float * out, float * best);

#ifdef __cplusplus
}
#endif
