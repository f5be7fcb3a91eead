#pragma once

// Centroids of type Q4_0 in groups of 16 (flash-head-group.h), as the CPU scores them fastest: blocks of 32 columns,
// each with the scales and values of the 16 centroids, of which the values are those of Q4_0. The last group is filled
// up with zeros.

#include "flash-head-group.h"

#ifdef __cplusplus
extern "C" {
#endif

// Centroids with those that fill up the last group.
static inline int64_t flash_head_centroids_padded(int64_t n_cluster) {
    return (n_cluster + FLASH_HEAD_GROUP - 1)/FLASH_HEAD_GROUP*FLASH_HEAD_GROUP;
}

// Lays centroids [n_cluster][n_embd] of ggml's type Q4_0 in groups; n_embd is a multiple of 32. groups has room for
// flash_head_centroids_padded(n_cluster) rows of that type.
void flash_head_centroids_group(const void * centroids, int64_t n_cluster, int64_t n_embd, void * groups);

// Unpacks activations [n_embd] of ggml's type Q8_0, which is what it rounds them to for Q4_0, for scoring them.
void flash_head_centroids_unpack(const void * activations, int64_t n_embd, struct flash_head_rounded * rounded);

#ifdef __cplusplus
}
#endif
