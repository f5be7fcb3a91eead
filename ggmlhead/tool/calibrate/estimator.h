#pragma once

#include "flash-head.h"
#include "flash-head-map.h"
#include "products.h"
#include "weight.h"

#include <limits>
#include <vector>

// Estimates of logits by the runtime's own code, with the codes that a load makes, and which tokens it scores exactly.
// Centroids in Q4_0 are scored as on the CPU; those of other types in F32, because the runtime's products for them are
// not at hand here.
struct flash_head_estimator {
    flash_head                             head   = {};
    flash_head_params                      params = {};
    flash_head_map                         map;
    flash_head_aligned_buffer              centroids, coarse, fine;
    std::vector<float>                     basis;
    std::vector<flash_head_aligned_buffer> work;   // one for each thread
    std::vector<flash_head_counts>         counts; // one for each thread
};

// Stands for the logit of a token that the runtime scores exactly.
const float FLASH_HEAD_ESTIMATOR_EXACT = std::numeric_limits<float>::lowest();

// Rows that are estimated together, at most.
const int64_t FLASH_HEAD_ESTIMATOR_ROWS = FLASH_HEAD_BLOCK_ROWS;

// Makes the codes of a map that has some. No token is scored exactly unless params says so. centroids [K][n_cols] are as
// the runtime rounds them, of the given type. The estimator is not copied afterwards.
void flash_head_estimator_init(flash_head_estimator * e, const flash_head_dense_weight & weight,
        const flash_head_map & map, enum ggml_type centroid_type, const void * centroids, int n_threads);

// out [n][n_rows of the weight] from the n rows x: estimates, and FLASH_HEAD_ESTIMATOR_EXACT. As the runtime's logits
// they are without the bias that tokens are chosen by. On the calling thread, which is worker.
void flash_head_estimator_run(flash_head_estimator * e, int worker, const flash_head_span & x, float * out);
