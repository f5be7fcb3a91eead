#pragma once

// Data derived from a head's weight at load, but for codes (flash-head-encode.h). Host-independent. Starts threads,
// which end with the call.

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

// Makes, in one pass over the rows of weight:
// - centroids [K][n_embd] of type centroid_type: the mean of each cluster's rows;
// - unless it is nullptr, ordered [V] rows: the weight's, in the order of map.tokens.
// weight.n_embd is a multiple of both types' blocks. The result does not depend on the number of threads.
void flash_head_build(
        const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        void * centroids, void * ordered, int n_threads);

// The centroids alone.
void flash_head_build_centroids(
        const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        void * centroids, int n_threads);

// Makes a centroid from the sum [n_embd] of its cluster's n_rows rows, which may arrive in pieces
// (flash-head-stream.h). Overwrites sum.
void flash_head_round_centroid(float * sum, int64_t n_embd, int64_t n_rows, ggml_type centroid_type, void * out);

// centroids [n_cluster][n_embd] of type Q4_0 in groups (flash-head-centroids.h).
void flash_head_build_groups(const void * centroids, int64_t n_cluster, int64_t n_embd, void * groups, int n_threads);

// The number of threads to load with on this machine.
int flash_head_build_threads();
