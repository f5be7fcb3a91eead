#include "subspace.h"

#include "flash-head-random.h"

#include "jacobi.h"

#include <algorithm>
#include <cmath>

static const int64_t EXTRA      = 8;    // vectors beyond those asked for: they speed up convergence
static const int     MAX_ROUNDS = 100;
static const double  GROWTH     = 1e-5; // relative growth of the captured energy that ends the iteration
static const double  ZERO       = 1e-6; // times the largest eigenvalue; float products round near it
static const int64_t GROUP_ROWS = 32;   // rows made orthogonal to all earlier ones on all threads

// In a fixed order, with eight sums to vectorise.
template <typename T> static double dot(const T * x, const T * y, int64_t n) {
    double sums[8] = { 0 };
    int64_t k = 0;
    for (; k + 8 <= n; k += 8) {
        for (int64_t l = 0; l < 8; l++) {
            sums[l] += (double) x[k + l]*y[k + l];
        }
    }
    for (; k < n; k++) {
        sums[0] += (double) x[k]*y[k];
    }
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

// Removes from row the parts along the orthonormal rows begin .. end - 1 of done.
static void remove_parts(const std::vector<double> & done, int64_t begin, int64_t end, double * row, int64_t d) {
    for (int64_t j = begin; j < end; j++) {
        const double * other = done.data() + j*d;
        const double   part  = dot(row, other, d);
        for (int64_t k = 0; k < d; k++) {
            row[k] -= part*other[k];
        }
    }
}

// Orthonormal rows that span those of x: Gram-Schmidt, twice. A row that the ones before it span becomes zero.
static void orthonormalise(flash_head_pool * pool, flash_head_matrix * x) {
    const int64_t d = x->n_cols;
    std::vector<double> rows(x->n_rows*d);
    for (int64_t i = 0; i < x->n_rows; i++) {
        std::copy_n(x->row(i), d, rows.begin() + i*d);
    }
    for (int64_t begin = 0; begin < x->n_rows; begin += GROUP_ROWS) {
        const int64_t end = std::min(begin + GROUP_ROWS, x->n_rows);
        for (int pass = 0; pass < 2; pass++) {
            double before[GROUP_ROWS];
            flash_head_pool_run(pool, end - begin, [&](int, int64_t task) {
                double * row = rows.data() + (begin + task)*d;
                before[task] = dot(row, row, d);
                remove_parts(rows, 0, begin, row, d);
            });
            for (int64_t i = begin; i < end; i++) {
                double * row = rows.data() + i*d;
                remove_parts(rows, begin, i, row, d);
                // a rest of a millionth is rounding error
                const double after = dot(row, row, d);
                const double scale = after > 1e-12*before[i - begin] ? 1.0/std::sqrt(after) : 0.0;
                for (int64_t k = 0; k < d; k++) {
                    row[k] *= scale;
                }
            }
        }
    }
    for (int64_t i = 0; i < x->n_rows; i++) {
        for (int64_t k = 0; k < d; k++) {
            x->row(i)[k] = (float) rows[i*d + k];
        }
    }
}

// Approximately normal numbers, always the same.
static void fill_start(flash_head_matrix * x) {
    uint64_t state = 0;
    for (int64_t i = 0; i < x->n_rows; i++) {
        for (int64_t k = 0; k < x->n_cols; k++) {
            float sum = 0.0f;
            for (int part = 0; part < 4; part++) {
                sum += (float) (flash_head_random(&state) >> 40)/(1 << 24) - 0.5f;
            }
            x->row(i)[k] = sum;
        }
    }
}

// The Rayleigh-Ritz step: eigenvectors within the span of the orthonormal rows x, of which y are the products.
static void ritz(const flash_head_matrix & x, const flash_head_matrix & y, int64_t n, flash_head_subspace * out) {
    const int64_t m = x.n_rows, d = x.n_cols;
    std::vector<double> a(m*m), values, vectors;
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j <= i; j++) {
            a[i*m + j] = a[j*m + i] = 0.5*(dot(x.row(i), y.row(j), d) + dot(x.row(j), y.row(i), d));
        }
    }
    flash_head_jacobi(a, m, &values, &vectors);
    flash_head_matrix_init(&out->vectors, n, d);
    out->values.assign(n, 0.0);
    for (int64_t i = 0; i < std::min(n, m) && values[i] > ZERO*values[0]; i++) {
        out->values[i] = values[i];
        for (int64_t j = 0; j < m; j++) {
            const float part = (float) vectors[i*m + j];
            for (int64_t k = 0; k < d; k++) {
                out->vectors.row(i)[k] += part*x.row(j)[k];
            }
        }
    }
}

void flash_head_subspace_find(flash_head_pool * pool, int64_t d, int64_t n,
        const std::function<void(const flash_head_matrix &, flash_head_matrix *)> & multiply,
        const std::function<void(double)> & progress, flash_head_subspace * out) {
    const int64_t m = std::min(n + EXTRA, d);
    flash_head_matrix x, y;
    flash_head_matrix_init(&x, m, d);
    flash_head_matrix_init(&y, m, d);
    fill_start(&x);
    orthonormalise(pool, &x);

    double captured = 0.0;
    for (out->rounds = 1; ; out->rounds++) {
        multiply(x, &y);
        double sum = 0.0;
        for (int64_t i = 0; i < m; i++) {
            sum += dot(x.row(i), y.row(i), d);
        }
        if (out->rounds == MAX_ROUNDS || !(sum - captured > GROWTH*sum)) {
            break;
        }
        captured = sum;
        std::swap(x.buffer.data, y.buffer.data); // both have the same size
        orthonormalise(pool, &x);
        progress((double) out->rounds/MAX_ROUNDS);
    }
    ritz(x, y, n, out);
    progress(1.0);
}
