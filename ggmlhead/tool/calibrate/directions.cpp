#include "directions.h"

#include "cholesky.h"

#include <algorithm>
#include <cmath>

void fhc_hidden_moment(fhc_products * p, const fhc_matrix & hidden, const std::vector<int64_t> & fit,
        const std::function<void(double)> & progress, fhc_matrix * out) {
    const int64_t d = hidden.n_cols;
    // each row is scaled before it is squared, so that nothing overflows: kinds with the same trace
    std::vector<double> scales;
    int64_t n_kinds = 0;
    for (int64_t n : fit) {
        const int64_t first = (int64_t) scales.size();
        double squares = 0.0;
        for (int64_t i = first; i < first + n; i++) {
            for (int64_t k = 0; k < d; k++) {
                squares += (double) hidden.row(i)[k]*hidden.row(i)[k];
            }
        }
        n_kinds += squares > 0.0;
        scales.insert(scales.end(), n, squares > 0.0 ? std::sqrt((double) d/squares) : 0.0);
    }
    const double share = n_kinds > 0 ? std::sqrt(1.0/n_kinds) : 0.0;
    fhc_second_moment(p, (int64_t) scales.size(), d, [&](int64_t i, float * x) {
        for (int64_t k = 0; k < d; k++) {
            x[k] = (float) (hidden.row(i)[k]*scales[i]*share);
        }
    }, progress, out);
    for (int64_t i = 0; i < d; i++) {
        out->row(i)[i] = n_kinds > 0 ? out->row(i)[i] + (float) FHC_SHRINKAGE : 1.0f;
    }
}

// The trace of a b, of symmetric matrices [d][d].
static double trace_of_product(const fhc_matrix & a, const fhc_matrix & b) {
    double trace = 0.0;
    for (int64_t i = 0; i < a.n_rows; i++) {
        for (int64_t k = 0; k < a.n_cols; k++) {
            trace += (double) a.row(i)[k]*b.row(i)[k];
        }
    }
    return trace;
}

static void transpose(const fhc_matrix & a, fhc_matrix * out) {
    fhc_matrix_init(out, a.n_cols, a.n_rows);
    const int64_t n_block = 64;    // both sides of a block in the cache
    for (int64_t i0 = 0; i0 < a.n_rows; i0 += n_block) {
        for (int64_t k0 = 0; k0 < a.n_cols; k0 += n_block) {
            for (int64_t i = i0; i < std::min(i0 + n_block, a.n_rows); i++) {
                for (int64_t k = k0; k < std::min(k0 + n_block, a.n_cols); k++) {
                    out->row(k)[i] = a.row(i)[k];
                }
            }
        }
    }
}

// The rows of m without what fills them up.
static std::vector<float> values_of(const fhc_matrix & m) {
    std::vector<float> out(m.n_rows*m.n_cols);
    for (int64_t i = 0; i < m.n_rows; i++) {
        std::copy_n(m.row(i), m.n_cols, out.begin() + i*m.n_cols);
    }
    return out;
}

bool fhc_directions_find(fhc_products * p, fhc_matrix * c, const fhc_matrix & s, int64_t rank,
        const std::function<void(double)> & progress,
        fhc_directions * out, std::string * error) {
    const int64_t d      = c->n_cols;
    const double  energy = trace_of_product(*c, s);
    if (!std::isfinite(energy)) {
        *error = "the second moments of hidden states and residuals are too large";
        return false;
    }
    if (!fhc_cholesky(p, c)) {
        *error = "the second moment of the hidden states is not positive definite";
        return false;
    }
    const fhc_matrix & l = *c;
    fhc_matrix turned, tmp1, tmp2;
    transpose(l, &turned);
    fhc_matrix_init(&tmp1, 1, d);
    fhc_matrix_init(&tmp2, 1, d);

    fhc_subspace found;
    fhc_subspace_find(d, rank, [&](const fhc_matrix & x, fhc_matrix * y) {
        if (tmp1.n_rows != x.n_rows) {
            fhc_matrix_init(&tmp1, x.n_rows, d);
            fhc_matrix_init(&tmp2, x.n_rows, d);
        }
        fhc_apply(p, &l,      &x,    &tmp1);
        fhc_apply(p, &s,      &tmp1, &tmp2);
        fhc_apply(p, &turned, &tmp2, y);
    }, progress, &found);

    fhc_matrix rows;
    fhc_matrix_init(&rows, rank, d);
    fhc_apply(p, &l, &found.vectors, &rows);
    fhc_solve_transposed(p->pool, &l, &found.vectors);
    out->rows        = values_of(rows);
    out->activations = values_of(found.vectors);
    out->variances.assign(found.values.begin(), found.values.end());
    out->rounds      = found.rounds;
    out->kept        = 0.0;
    for (double value : found.values) {
        out->kept += value;
    }
    out->kept = energy > 0.0 ? std::min(1.0, out->kept/energy) : 1.0;
    return true;
}
