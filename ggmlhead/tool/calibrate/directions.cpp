#include "directions.h"

#include "cholesky.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

// In double, because squares of large floats overflow.
static double sum_of_squares(const flash_head_matrix & m, int64_t begin, int64_t end) {
    double sum = 0.0;
    for (int64_t i = begin; i < end; i++) {
        for (int64_t k = 0; k < m.n_cols; k++) {
            sum += (double) m.row(i)[k]*m.row(i)[k];
        }
    }
    return sum;
}

void flash_head_hidden_metric(flash_head_products * p, const flash_head_matrix & hidden,
        const std::vector<int64_t> & kinds, const std::function<void(double)> & progress, flash_head_matrix * out) {
    const int64_t d = hidden.n_cols;
    std::vector<double> scales; // per row; they make the sum of squares the mean over kinds
    int64_t n_counted = 0;
    for (int64_t n : kinds) {
        const int64_t begin   = (int64_t) scales.size();
        const double  squares = sum_of_squares(hidden, begin, begin + n);
        scales.insert(scales.end(), n, squares > 0.0 ? std::sqrt((double) d/squares) : 0.0);
        n_counted += squares > 0.0;
    }
    const double share = n_counted > 0 ? std::sqrt(1.0/n_counted) : 0.0;
    flash_head_second_moment(p, { (int64_t) scales.size(), d, [&](int64_t i, float * x) {
        for (int64_t k = 0; k < d; k++) {
            x[k] = (float) (hidden.row(i)[k]*scales[i]*share);
        }
    } }, progress, out);
    for (int64_t i = 0; i < d; i++) {
        out->row(i)[i] = n_counted > 0 ? out->row(i)[i] + (float) FLASH_HEAD_IDENTITY_SHARE : 1.0f;
    }
}

// The trace of a b for symmetric matrices [d][d].
static double trace_of_product(const flash_head_matrix & a, const flash_head_matrix & b) {
    double trace = 0.0;
    for (int64_t i = 0; i < a.n_rows; i++) {
        for (int64_t k = 0; k < a.n_cols; k++) {
            trace += (double) a.row(i)[k]*b.row(i)[k];
        }
    }
    return trace;
}

static void transpose(const flash_head_matrix & a, flash_head_matrix * out) {
    flash_head_matrix_init(out, a.n_cols, a.n_rows);
    const int64_t n_block = 64; // both sides of a block in the cache
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

// The first n rows of m, without padding.
static std::vector<float> first_rows(const flash_head_matrix & m, int64_t n) {
    std::vector<float> out(n*m.n_cols);
    for (int64_t i = 0; i < n; i++) {
        std::copy_n(m.row(i), m.n_cols, out.begin() + i*m.n_cols);
    }
    return out;
}

// s = L^T s L
static void into_metric(flash_head_products * p, const flash_head_matrix & l, flash_head_matrix * s) {
    flash_head_matrix turned, product;
    transpose(l, &turned);
    flash_head_matrix_init(&product, l.n_rows, l.n_rows);
    flash_head_apply(p, s,       &turned,  &product);
    flash_head_apply(p, &turned, &product, s);
}

flash_head_directions flash_head_directions_find(flash_head_products * p, flash_head_moments * moments, int64_t n,
        const std::function<void(double)> & progress) {
    flash_head_matrix & l = moments->metric;
    flash_head_matrix & m = moments->residuals;
    const int64_t d      = l.n_cols;
    const double  energy = trace_of_product(l, m);
    if (!std::isfinite(energy)) {
        throw std::runtime_error("the second moments of hidden states and residuals are too large");
    }
    if (!flash_head_cholesky(p, &l)) {
        throw std::runtime_error("the second moment of the hidden states is not positive definite");
    }
    into_metric(p, l, &m);

    flash_head_subspace found;
    flash_head_subspace_find(p->pool, d, n, [&](const flash_head_matrix & x, flash_head_matrix * y) {
        flash_head_apply(p, &m, &x, y);
    }, progress, &found);
    const int64_t n_found = (int64_t) (std::find(found.values.begin(), found.values.end(), 0.0)
            - found.values.begin());

    flash_head_matrix rows;
    flash_head_matrix_init(&rows, n, d);
    flash_head_apply(p, &l, &found.vectors, &rows);
    flash_head_solve_transposed(p->pool, &l, &found.vectors);
    flash_head_directions out;
    out.rows        = first_rows(rows, n_found);
    out.activations = first_rows(found.vectors, n_found);
    out.variances.assign(found.values.begin(), found.values.begin() + n_found);
    out.rounds      = found.rounds;
    for (double value : out.variances) {
        out.kept += value;
    }
    out.kept = energy > 0.0 ? std::min(1.0, out.kept/energy) : 1.0;
    return out;
}
