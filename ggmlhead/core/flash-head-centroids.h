#pragma once

// Centroids of type Q4_0 in groups of 16 (flash-head-group.h), the layout that the CPU scores fastest. A group is a
// sequence of blocks of 32 columns, each with the 16 centroids' scales and Q4_0 values. Zeros fill the last group.

#include "flash-head-group.h"

#ifdef __cplusplus
extern "C" {
#endif

// The number of centroids, rounded up to whole groups.
static inline int64_t flash_head_centroids_padded(int64_t n_cluster) {
    return (n_cluster + FLASH_HEAD_GROUP - 1)/FLASH_HEAD_GROUP*FLASH_HEAD_GROUP;
}

// Lays centroids [n_cluster][n_embd] of ggml's type Q4_0 in groups; n_embd is a multiple of 32. groups has room for
// flash_head_centroids_padded(n_cluster) rows of that type.
void flash_head_centroids_group(const void * centroids, int64_t n_cluster, int64_t n_embd, void * groups);

// Unpacks activations [n_embd] of ggml's type Q8_0, the counterpart of Q4_0 in dot products.
void flash_head_centroids_unpack(const void * activations, int64_t n_embd, struct flash_head_rounded * rounded);

#ifdef __cplusplus
}
#endif
