#pragma once

// Makes the codes of a head (flash-head-codes.h) at load. Host-independent. Starts threads, which end with the call.

#include "flash-head-build.h"
#include "flash-head-codes.h"

// Room for the codes.
struct flash_head_code_memory {
    void  * coarse; // flash_head_coarse_n_groups groups of flash_head_coarse_group_size
    void  * fine;   // flash_head_fine_size
    float * basis;  // flash_head_basis_n
};

// Sizes of the above in bytes.
struct flash_head_code_sizes {
    size_t coarse, fine, basis;

    flash_head_code_sizes(const flash_head_map & map, int64_t n_embd)
        : coarse(flash_head_coarse_n_groups((int64_t) map.cluster.size())
                *flash_head_coarse_group_size(map.coarse_bits)),
          fine(flash_head_fine_size((int64_t) map.cluster.size(), map.fine_bytes)),
          basis(flash_head_basis_n(n_embd, map.n_directions, map.fine_bytes)*sizeof(float)) {}
};

// Makes the codes of a map that has some, for these centroids [K][n_embd], in rows of their type. Rows with numbers
// that are not finite get codes of scale 0. The result does not depend on the number of threads, nor on the order of
// the rows.
void flash_head_encode(
        const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        const void * centroids, const flash_head_code_memory & codes, int n_threads);

// Parts of the above.

// Distributes coarse_bits bits over directions with these variances: one after the other to the direction where it
// removes the most of the expected error (reverse water-filling).
std::vector<float> flash_head_coarse_plan(const std::vector<float> & variances, int32_t coarse_bits);

// How a fine code rounds columns.
struct flash_head_fine_plan {
    int32_t            n_lines[4] = {}; // the last is 0
    std::vector<float> columns, steps;  // [slots]
};

// Distributes n_bytes over columns with these mean squares, so that the weighted error is least.
flash_head_fine_plan flash_head_fine_plan_of(const std::vector<double> & squares, const std::vector<float> & weights,
        int32_t n_bytes);
