#pragma once

// What is derived from a head's weight when its model loads. Host-independent; threads of its own, which end with the call.

#include "flash-head-map.h"

// The order of a weight's rows.
enum flash_head_order {
    FLASH_HEAD_BY_TOKEN,   // row v is token v
    FLASH_HEAD_BY_CLUSTER, // row i is token map.tokens[i]
};

// Centroids [K][n_embd] of type centroid_type: the mean of each cluster's rows of weight [V][n_embd] of type weight_type.
// n_embd is a multiple of both types' blocks. centroids has room for K rows.
void flash_head_build_centroids(
        const flash_head_map & map, const void * weight, flash_head_order order, ggml_type weight_type, int64_t n_embd,
        ggml_type centroid_type, void * centroids, int n_threads);

// sketch [flash_head_sketch_n_groups(V)] groups: the factors of all rows' residuals, in the order of tokens. A residual is
// what a row differs by from its centroid, as flash_head_build_centroids made centroids. map has a sketch: rank > 0.
void flash_head_build_sketch(
        const flash_head_map & map, const void * weight, flash_head_order order, ggml_type weight_type, int64_t n_embd,
        ggml_type centroid_type, const void * centroids, void * sketch, int n_threads);

// out [n_embd][rank]: directions [rank][n_embd], as the kernel wants those of the activations.
void flash_head_transpose(const std::vector<float> & directions, int32_t rank, float * out);

// A number of threads that suits loading on this machine.
int flash_head_build_threads();

// ordered [V][row_size bytes]: the rows of weight in the order of map.tokens.
void flash_head_build_ordered(const flash_head_map & map, const void * weight, size_t row_size, void * ordered, int n_threads);
