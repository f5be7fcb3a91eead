#pragma once

#include "rows.h"

#include <cstdint>

// A matrix of floats, row by row. A row's last n_stride - n_cols values are zero, n_stride is a multiple of 32: rows as
// flash_head_matmul wants them.
struct flash_head_matrix {
    int64_t    n_rows   = 0;
    int64_t    n_cols   = 0;
    int64_t    n_stride = 0;
    flash_head_aligned_buffer buffer;

    float       * row(int64_t i)       { return (float *) buffer.data + i*n_stride; }
    const float * row(int64_t i) const { return (const float *) buffer.data + i*n_stride; }
};

// Makes it n_rows rows of n_cols zeros; old contents are lost.
void flash_head_matrix_init(flash_head_matrix * m, int64_t n_rows, int64_t n_cols);
