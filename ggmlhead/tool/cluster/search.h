#pragma once

#include "matmul.h"
#include "pool.h"
#include "rows.h"

#include <cstdint>
#include <vector>

// Finds for every row the centroids most similar to it.
//
// Flat search compares each row with each centroid. When that is too much work the centroids are put into about
// sqrt(K) groups (k-means of the centroids themselves), each row visits its nearest groups only, nearest first, until
// it has met about n_candidates centroids. Rows that visit a group together make a dense matrix product.

// The best centroids of each row, best first: n_best entries a row, id -1 after the last one found.
struct flash_head_best {
    int                  n_best = 0;
    std::vector<int32_t> id;       // [n_rows][n_best] centroid
    std::vector<float>   score;    // [n_rows][n_best] cosine
};

// Centroids arranged in groups.
struct flash_head_groups {
    int                  n_groups = 0;
    std::vector<int64_t> first;        // [n_groups + 1] first entry of each group in member; multiples of 16
    std::vector<int32_t> member;       // centroid of each entry, -1 for filling
    flash_head_unit_rows             centroids;    // the entries' rows: unit length, filling is zero
    flash_head_unit_rows             centers;      // [n_groups padded to 16] unit-length mean of each group
};

// What the search works with; made once, used for every iteration.
struct flash_head_searcher {
    flash_head_pool                  * pool = nullptr;
    std::vector<flash_head_matmul_ptr> matmul;      // one for each thread
    std::vector<flash_head_aligned_buffer>     gathered;    // [block][n_stride] rows of a task, one for each thread
    std::vector<flash_head_aligned_buffer>     scores;      // [block][chunk] products of a task, one for each thread
};

// Opens the CPU backend for every thread of the pool. Throws std::runtime_error if there is none.
void flash_head_searcher_init(flash_head_searcher * s, flash_head_pool * pool, int64_t n_stride);

// Groups the centroids listed in ids (indices into centroids) for rows that shall each meet about n_candidates of them.
// One group if n_candidates >= ids.size(). If groups->n_groups > 0 on entry its centers are the starting point.
void flash_head_groups_build(flash_head_searcher * s, const flash_head_unit_rows * centroids,
        const std::vector<int32_t> & ids,
        int64_t n_candidates, flash_head_groups * groups);

// Searches for the rows listed in ids (indices into rows). best gets ids.size() entries of n_best each.
// Ties go to the centroid met first; the result does not depend on the number of threads.
void flash_head_search(flash_head_searcher * s, const flash_head_unit_rows * rows, const std::vector<int32_t> & ids,
        const flash_head_groups * groups,
        int64_t n_candidates, int n_best, flash_head_best * best);
