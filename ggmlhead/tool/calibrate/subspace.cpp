#include "subspace.h"

#include "flash-head-random.h"

#include "jacobi.h"

#include <algorithm>
#include <cmath>

static const int64_t FHC_EXTRA      = 8;       // vectors beyond those asked for: they make it converge
static const int     FHC_MAX_ROUNDS = 100;
static const double  FHC_GROWTH     = 1e-5;    // of the energy captured in the last round
static const double  FHC_ZERO       = 1e-6;    // of the greatest eigenvalue; float products round near it

// Always added in the same order; eight sums, so that it vectorises.
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

// Orthonormal rows that span those of x: Gram-Schmidt, twice. A row that the ones before it span becomes zero.
static void orthonormalise(fhc_matrix * x) {
    const int64_t d = x->n_cols;
    std::vector<double> done(x->n_rows*d);
    for (int64_t i = 0; i < x->n_rows; i++) {
        double * row = done.data() + i*d;
        std::copy_n(x->row(i), d, row);
        const double before = dot(row, row, d);
        for (int pass = 0; pass < 2; pass++) {
            for (int64_t j = 0; j < i; j++) {
                const double part = dot(row, done.data() + j*d, d);
                for (int64_t k = 0; k < d; k++) {
                    row[k] -= part*done[j*d + k];
                }
            }
        }
        const double after = dot(row, row, d);
        const double scale = after > 1e-12*before ? 1.0/std::sqrt(after) : 0.0;    // a rest of a millionth is rounding
        for (int64_t k = 0; k < d; k++) {
            row[k] *= scale;
            x->row(i)[k] = (float) row[k];
        }
    }
}

// About normal numbers, always the same.
static void fill_start(fhc_matrix * x) {
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

void fhc_subspace_find(int64_t d, int64_t n, const std::function<void(const fhc_matrix &, fhc_matrix *)> & multiply,
        const std::function<void(double)> & progress, fhc_subspace * out) {
    const int64_t m = std::min(n + FHC_EXTRA, d);
    const int64_t found = std::min(n, m);
    fhc_matrix x, y;
    fhc_matrix_init(&x, m, d);
    fhc_matrix_init(&y, m, d);
    fill_start(&x);
    orthonormalise(&x);

    std::vector<double> ritz(m*m), values, vectors;
    double captured = 0.0;
    for (out->rounds = 1; ; out->rounds++) {
        multiply(x, &y);
        for (int64_t i = 0; i < m; i++) {
            for (int64_t j = 0; j <= i; j++) {
                ritz[i*m + j] = ritz[j*m + i] = 0.5*(dot(x.row(i), y.row(j), d) + dot(x.row(j), y.row(i), d));
            }
        }
        fhc_jacobi(ritz, m, &values, &vectors);
        double sum = 0.0;
        for (int64_t i = 0; i < found; i++) {
            sum += values[i];
        }
        if (out->rounds == FHC_MAX_ROUNDS || !(sum - captured > FHC_GROWTH*sum)) {
            break;
        }
        captured = sum;
        std::swap(x.buffer.data, y.buffer.data);    // of one size
        orthonormalise(&x);
        progress((double) out->rounds/FHC_MAX_ROUNDS);
    }

    fhc_matrix_init(&out->vectors, n, d);
    out->values.assign(n, 0.0);
    for (int64_t i = 0; i < found && values[i] > FHC_ZERO*values[0]; i++) {
        out->values[i] = values[i];
        for (int64_t j = 0; j < m; j++) {
            const float part = (float) vectors[i*m + j];
            for (int64_t k = 0; k < d; k++) {
                out->vectors.row(i)[k] += part*x.row(j)[k];
            }
        }
    }
    progress(1.0);
}
