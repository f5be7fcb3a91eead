#pragma once

#include "flash-head.h"
#include "flash-head-map.h"
#include "products.h"
#include "weight.h"

#include <limits>
#include <vector>

// Estimates logits and marks exact tokens with the runtime's own code, and with codes as made at load. Centroids in
// Q4_0 are scored as on the CPU, other types in F32, because the runtime's products for them are not available here.
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

// Most rows per call.
const int64_t FLASH_HEAD_ESTIMATOR_ROWS = FLASH_HEAD_BLOCK_ROWS;

// Makes the codes of a map that has some. By default no token is scored exactly (see params). centroids [K][n_cols] are
// quantised to the given type like in the runtime. Do not copy the estimator afterwards.
void flash_head_estimator_init(flash_head_estimator * e, const flash_head_dense_weight & weight,
        const flash_head_map & map, enum ggml_type centroid_type, const void * centroids, int n_threads);

// Sets out [n][n_rows of the weight] for the n rows x: estimates, or FLASH_HEAD_ESTIMATOR_EXACT. Like the runtime's
// logits they exclude the bias. Runs on the calling thread, which is worker.
void flash_head_estimator_run(flash_head_estimator * e, int worker, const flash_head_span & x, float * out);
