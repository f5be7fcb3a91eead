#pragma once

// Data derived from a head's weight at load. Host-independent. Starts threads, which end with the call.

#include "flash-head-map.h"

// The order of a weight's rows.
enum flash_head_order {
    FLASH_HEAD_BY_TOKEN,   // row v is token v
    FLASH_HEAD_BY_CLUSTER, // row i is token map.tokens[i]
};

// A head's weight [V][n_embd] in memory.
struct flash_head_weight_rows {
    const void     * data;
    flash_head_order order;
    ggml_type        type;
    int64_t          n_embd;
};

// The largest value of a centroid of this type: that of F16, the type of quantised types' scales, or of float. A
// centroid with a larger value or a NaN becomes zeros.
float flash_head_largest(ggml_type centroid_type);

// Makes, in one pass over the rows of weight, each of these that is not nullptr:
// - centroids [K][n_embd] of type centroid_type: the mean of each cluster's rows. Never nullptr.
// - sketch [flash_head_sketch_n_groups(V)] groups: the factors of all rows' residuals, by token. A residual
//   is a row minus its rounded centroid. Needs a map with a sketch: rank > 0.
// - ordered [V] rows: the weight's, in the order of map.tokens.
// weight.n_embd is a multiple of both types' blocks. The result does not depend on the number of threads.
void flash_head_build(
        const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        void * centroids, void * sketch, void * ordered, int n_threads);

// The centroids alone.
void flash_head_build_centroids(
        const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        void * centroids, int n_threads);

// The sketch alone, for centroids that were made before.
void flash_head_build_sketch(
        const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        const void * centroids, void * sketch, int n_threads);

// Parts of the above, for rows that arrive in pieces (flash-head-stream.h).
// Makes a centroid from the sum [n_embd] of its cluster's n_rows rows. Overwrites sum.
void flash_head_round_centroid(float * sum, int64_t n_embd, int64_t n_rows, ggml_type centroid_type, void * out);
// Makes the sketch from factors [V][rank] of whole rows, in cluster order, on directions [n_embd][rank]. Overwrites
// factors.
void flash_head_finish_sketch(const flash_head_map & map, const void * centroids, ggml_type centroid_type,
        int64_t n_embd,
        const float * directions, std::vector<float> & factors, void * sketch, int n_threads);

// centroids [n_cluster][n_embd] of type Q4_0 in groups (flash-head-centroids.h).
void flash_head_build_groups(const void * centroids, int64_t n_cluster, int64_t n_embd, void * groups, int n_threads);

// out [n_embd][rank]: directions [rank][n_embd], as the kernel wants those of the activations.
void flash_head_transpose(const std::vector<float> & directions, int32_t rank, float * out);

// The number of threads to load with on this machine.
int flash_head_build_threads();
