#pragma once

// What is derived from a head's weight when its model loads. Host-independent; threads of its own, which end with the
// call.

#include "flash-head-map.h"

// The order of a weight's rows.
enum flash_head_order {
    FLASH_HEAD_BY_TOKEN,   // row v is token v
    FLASH_HEAD_BY_CLUSTER, // row i is token map.tokens[i]
};

// The largest value of a centroid of this type: that of F16, which scales of quantised types are, or of floats. A
// centroid with a larger one, or one that is no number, becomes zeros.
float flash_head_largest(ggml_type centroid_type);

// Makes, in one pass over the rows of weight [V][n_embd] of type weight_type, what is not nullptr: centroids
// [K][n_embd] of type centroid_type: the mean of each cluster's rows. Never nullptr. sketch
// [flash_head_sketch_n_groups(V)] groups: the factors of all rows' residuals, in the order of tokens. A residual is
// what a row differs by from its centroid, as that was rounded. map has a sketch then: rank > 0. ordered [V] rows:
// those of weight in the order of map.tokens. n_embd is a multiple of both types' blocks. The number of threads does
// not change what is made.
void flash_head_build(
        const flash_head_map & map, const void * weight, flash_head_order order, ggml_type weight_type, int64_t n_embd,
        ggml_type centroid_type, void * centroids, void * sketch, void * ordered, int n_threads);

// The centroids alone.
void flash_head_build_centroids(
        const flash_head_map & map, const void * weight, flash_head_order order, ggml_type weight_type, int64_t n_embd,
        ggml_type centroid_type, void * centroids, int n_threads);

// The sketch alone, for centroids that were made before.
void flash_head_build_sketch(
        const flash_head_map & map, const void * weight, flash_head_order order, ggml_type weight_type, int64_t n_embd,
        ggml_type centroid_type, const void * centroids, void * sketch, int n_threads);

// Parts of the above, for rows that come piece by piece (flash-head-stream.h).
// Makes a centroid of the sum [n_embd] of its cluster's n_rows rows, which it changes.
void flash_head_round_centroid(float * sum, int64_t n_embd, int64_t n_rows, ggml_type centroid_type, void * out);
// Makes the sketch of factors [V][rank] of whole rows, in the order of the clusters, on directions [n_embd][rank];
// changes factors.
void flash_head_finish_sketch(const flash_head_map & map, const void * centroids, ggml_type centroid_type,
        int64_t n_embd,
        const float * directions, std::vector<float> & factors, void * sketch, int n_threads);

// centroids [n_cluster][n_embd] of type Q4_0 in groups (flash-head-centroids.h).
void flash_head_build_groups(const void * centroids, int64_t n_cluster, int64_t n_embd, void * groups, int n_threads);

// out [n_embd][rank]: directions [rank][n_embd], as the kernel wants those of the activations.
void flash_head_transpose(const std::vector<float> & directions, int32_t rank, float * out);

// A number of threads that suits loading on this machine.
int flash_head_build_threads();
