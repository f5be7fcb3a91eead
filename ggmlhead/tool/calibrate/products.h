#pragma once

#include "matmul.h"
#include "pool.h"
#include "rows.h"

#include <functional>
#include <vector>

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

// Products of matrices in F32 on ggml's kernels, on all threads of a pool. The split into tiles is fixed, so results do
// not depend on the number of threads.
struct flash_head_products {
    flash_head_pool                      * pool;
    std::vector<flash_head_matmul_ptr>     matmul;    // one for each thread
    std::vector<flash_head_aligned_buffer> out;       // a tile of results, one for each thread

    // Opens the CPU backend for every thread of the pool. Throws std::runtime_error if there is none.
    explicit flash_head_products(flash_head_pool * pool);
};

// Makes the tile of every worker at least n floats. Do not call it inside a task.
void    flash_head_products_reserve(flash_head_products * p, int64_t n);
float * flash_head_products_tile(flash_head_products * p, int worker);

// Rows first .. first + n - 1 of a matrix.
struct flash_head_span {
    const flash_head_matrix * matrix;
    int64_t                   first;
    int64_t                   n;
};

// out [b.n][a.n]: out[j*a.n + i] = a_i . b_j. On the calling thread; ends the program if ggml fails.
void flash_head_multiply(flash_head_products * p, int worker, const flash_head_span & a, const flash_head_span & b,
        float * out);

// Adds sign * x_i . x_j to out[first + i][first + j] for all rows j <= i of x. Some values of the upper half change
// too.
void flash_head_gram_add(flash_head_products * p, const flash_head_matrix * x, float sign, flash_head_matrix * out,
        int64_t first);

// out_j = a x_j for every row of x: a [n][d], x [m][d], out [m][n].
void flash_head_apply(flash_head_products * p, const flash_head_matrix * a, const flash_head_matrix * x,
        flash_head_matrix * out);

// The rows of a matrix that is never in memory as a whole. fill writes row i to x [d], which holds zeros. It must be
// thread-safe.
struct flash_head_row_source {
    int64_t                               n;
    int64_t                               d;
    std::function<void(int64_t, float *)> fill;
};

// out [d][d] = the sum of x_i x_i^T over all rows. progress gets shares, 0..1.
void flash_head_second_moment(flash_head_products * p, const flash_head_row_source & rows,
        const std::function<void(double)> & progress, flash_head_matrix * out);
