#include "cholesky.h"

#include <algorithm>
#include <cmath>
#include <vector>

static const int64_t PANEL_COLUMNS = 128;    // of a block
static const int64_t TASK_ROWS    = 64;     // of a task

// Factors the diagonal block of n columns at k of a in place. turned gets the factor's transpose.
static bool factor_diagonal(flash_head_matrix * a, int64_t k, int64_t n, std::vector<double> * turned) {
    std::vector<double> & l = *turned;    // l[j*n + i] is the factor at row i, column j
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = j; i < n; i++) {
            l[j*n + i] = a->row(k + i)[k + j];
        }
    }
    for (int64_t j = 0; j < n; j++) {
        const double pivot = l[j*n + j];
        if (!(pivot > 0.0 && std::isfinite(pivot))) {
            return false;
        }
        const double scale = 1.0/std::sqrt(pivot);
        for (int64_t i = j; i < n; i++) {
            l[j*n + i] *= scale;
        }
        for (int64_t t = j + 1; t < n; t++) {
            for (int64_t i = t; i < n; i++) {
                l[t*n + i] -= l[j*n + i]*l[j*n + t];
            }
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j <= i; j++) {
            a->row(k + i)[k + j] = (float) l[j*n + i];
        }
    }
    return true;
}

// Solves for one row of the factor below a diagonal block, given as its transpose. row [n] is a row of a on entry and
// of the factor on return.
static void solve_row(const std::vector<double> & turned, int64_t n, float * row) {
    double x[PANEL_COLUMNS];
    std::copy_n(row, n, x);
    for (int64_t j = 0; j < n; j++) {
        x[j] /= turned[j*n + j];
        for (int64_t t = j + 1; t < n; t++) {
            x[t] -= x[j]*turned[j*n + t];
        }
    }
    std::copy_n(x, n, row);
}

bool flash_head_cholesky(flash_head_products * p, flash_head_matrix * a) {
    const int64_t n = a->n_rows;
    flash_head_matrix          panel;
    std::vector<double> turned(PANEL_COLUMNS*PANEL_COLUMNS);
    for (int64_t k = 0; k < n; k += PANEL_COLUMNS) {
        const int64_t n_k = std::min(PANEL_COLUMNS, n - k);
        if (!factor_diagonal(a, k, n_k, &turned)) {
            return false;
        }
        const int64_t below = k + n_k;
        if (below == n) {
            break;
        }
        // the columns below the block, and the update of the rest
        flash_head_matrix_init(&panel, n - below, n_k);
        flash_head_pool_run(p->pool, (n - below + TASK_ROWS - 1)/TASK_ROWS, [&](int, int64_t task) {
            for (int64_t i = below + task*TASK_ROWS; i < std::min(below + (task + 1)*TASK_ROWS, n); i++) {
                solve_row(turned, n_k, a->row(i) + k);
                std::copy_n(a->row(i) + k, n_k, panel.row(i - below));
            }
        });
        flash_head_gram_add(p, &panel, -1.0f, a, below);
    }
    for (int64_t i = 0; i < n; i++) {
        std::fill(a->row(i) + i + 1, a->row(i) + n, 0.0f);
    }
    return true;
}

void flash_head_solve_transposed(flash_head_pool * pool, const flash_head_matrix * l, flash_head_matrix * x) {
    const int64_t n = l->n_rows;
    std::vector<std::vector<double>> scratch(flash_head_pool_n_threads(pool), std::vector<double>(n));
    flash_head_pool_run(pool, x->n_rows, [&](int worker, int64_t task) {
        std::vector<double> & y = scratch[worker];
        std::copy_n(x->row(task), n, y.begin());
        for (int64_t i = n - 1; i >= 0; i--) {
            const float * row = l->row(i);
            y[i] /= row[i];
            const double value = y[i];
            for (int64_t j = 0; j < i; j++) {
                y[j] -= value*row[j];
            }
        }
        std::copy_n(y.begin(), n, x->row(task));
    });
}
