#pragma once

#include "pool.h"
#include "rows.h"

#include <string>
#include <vector>

// A head's weight in memory, as it is in the file: n_rows rows of n_cols columns.
struct flash_head_dense_weight {
    flash_head_tensor_info    info;
    flash_head_aligned_buffer data;
    float                     most = 0.0f; // the largest absolute value
    std::vector<float>        bias;        // [n_rows], added to the product by the model; or empty

    // Dequantises row i: out [n_cols].
    void get(int64_t i, float * out) const;
};

// Reads the tensor w->info, finds w->most, and reads the bias if the file has one. Throws std::runtime_error: read
// errors, NaN or infinite weights (names the tensor and the first such row), a bias that does not fit.
void flash_head_dense_weight_read(flash_head_dense_weight * w, flash_head_pool * pool);

// Dequantises row i of data, rows of the given type: out [n_cols].
void flash_head_row_get(const void * data, enum ggml_type type, int64_t n_cols, int64_t i, float * out);
