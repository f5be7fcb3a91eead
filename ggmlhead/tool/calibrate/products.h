#pragma once

#include "matmul.h"
#include "matrix.h"
#include "pool.h"

#include <functional>
#include <vector>

// Products of matrices in F32 on ggml's kernels, on all threads of a pool. The split into tiles is fixed, so results do not
// depend on the number of threads.
struct fhc_products {
    flash_head_pool                  * pool = nullptr;
    std::vector<flash_head_matmul *>   matmul;    // one for each thread
    std::vector<flash_head_aligned_buffer>     out;       // a tile of results, one for each thread

    ~fhc_products();
};

// Opens the CPU backend for every thread of the pool. Returns false if there is none.
bool fhc_products_init(fhc_products * p, flash_head_pool * pool);

// Makes the tile of worker at least n floats and returns it. Not from inside a task.
void    fhc_products_reserve(fhc_products * p, int64_t n);
float * fhc_products_tile(fhc_products * p, int worker);

// out [n_a][n_b] = b a^T transposed as flash_head_matmul_run: out[j*n_a + i] = a_i . b_j, for n_a rows of a and n_b of b from the
// given ones on. By one thread; ends the program if ggml fails.
void fhc_product(fhc_products * p, int worker, const fhc_matrix * a, int64_t i0, int64_t n_a, const fhc_matrix * b, int64_t j0, int64_t n_b, float * out);

// Adds sign * x_i . x_j to out[first + i][first + j] for all rows j <= i of x. Of the other half, the upper one, some
// values change too.
void fhc_gram_add(fhc_products * p, const fhc_matrix * x, float sign, fhc_matrix * out, int64_t first);

// out_j = a x_j for every row of x: a [n][d], x [m][d], out [m][n].
void fhc_apply(fhc_products * p, const fhc_matrix * a, const fhc_matrix * x, fhc_matrix * out);

// out [d][d] = the sum of x_i x_i^T over n rows x_i [d], which fill writes to x; it is called from several threads and gets
// zeros. progress gets shares, 0..1.
void fhc_second_moment(fhc_products * p, int64_t n, int64_t d, const std::function<void(int64_t i, float * x)> & fill,
        const std::function<void(double)> & progress, fhc_matrix * out);
