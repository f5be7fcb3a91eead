#pragma once

// The sketch of a head: an estimate of each token's logit that is finer than its centroid's score.
//
// A row w of the weight is its cluster's centroid c and a residual w - c. The sketch keeps `rank` numbers of each residual, its
// products with the directions `rows`, in 4 bits with a scale; `activations` are the matching directions for x:
//     w . x  ~  c . x  +  sum over j of  ((w - c) . rows_j) (activations_j . x)
// docs/accuracy.md tells where the directions come from and what the estimate gains.
//
// Tokens are kept in the order of the clusters, in groups whose factors lie side by side, so that one instruction serves
// many tokens.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

// Tokens in a group.
#define FLASH_HEAD_SKETCH_GROUP 16

// rank is a multiple of FLASH_HEAD_SKETCH_STEP and at most FLASH_HEAD_SKETCH_MAX_RANK.
#define FLASH_HEAD_SKETCH_STEP      8
#define FLASH_HEAD_SKETCH_MAX_RANK 64

// Activations as the sketch sees them: activations_j . x is values[j] * scale.
struct flash_head_code {
    int8_t values[FLASH_HEAD_SKETCH_MAX_RANK];
    float  scale;
};

// Bytes of one group: scales [FLASH_HEAD_SKETCH_GROUP] as the upper halves of floats, then rank/2 lines of
// FLASH_HEAD_SKETCH_GROUP bytes; the low halves of the bytes of line i are factor 2i, the high halves factor 2i + 1, plus 8.
static inline size_t flash_head_sketch_group_size(int32_t rank) {
    return FLASH_HEAD_SKETCH_GROUP*sizeof(uint16_t) + (size_t) FLASH_HEAD_SKETCH_GROUP*rank/2;
}

// Groups of a sketch of n_vocab tokens.
static inline int64_t flash_head_sketch_n_groups(int64_t n_vocab) {
    return (n_vocab + FLASH_HEAD_SKETCH_GROUP - 1)/FLASH_HEAD_SKETCH_GROUP;
}

// The float of a scale.
static inline float flash_head_sketch_scale(uint16_t upper) {
    const uint32_t bits = (uint32_t) upper << 16;
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

// Rounds factors [n][rank] of the n <= FLASH_HEAD_SKETCH_GROUP tokens of a group; the others of the group become zero.
void flash_head_sketch_pack(const float * factors, int32_t n, int32_t rank, void * group);

// Projects x [n_embd] on the directions activations [n_embd][rank], column by column, and rounds what comes out.
void flash_head_sketch_encode(const float * activations, int32_t rank, const float * x, int64_t n_embd, struct flash_head_code * code);

// out[i - begin] for the tokens at i = begin .. end - 1 of the order of the clusters: the sketch's part of their estimates.
void flash_head_sketch_estimate(const void * sketch, int32_t rank, const struct flash_head_code * code, int64_t begin, int64_t end, float * out);

#ifdef __cplusplus
}
#endif
