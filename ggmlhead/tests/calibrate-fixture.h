#pragma once

// For tests of calibration: random matrices and heads, and the runtime's estimates for a head.

#include "check.h"

#include "estimator.h"
#include "flash-head-build.h"
#include "flash-head-calibrate.h"
#include "products.h"
#include "random-numbers.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

extern checker check; // defined by the test program

// A pool of threads and its matrix products.
struct machine {
    flash_head_pool_ptr pool = flash_head_pool_new(2);
    flash_head_products products{ pool.get() };
};

inline void nothing(double) {
}

inline void fill_normal(flash_head_matrix * m, int64_t n_rows, int64_t n_cols, uint64_t seed) {
    random_numbers random = { seed };
    flash_head_matrix_init(m, n_rows, n_cols);
    for (int64_t i = 0; i < n_rows; i++) {
        for (int64_t k = 0; k < n_cols; k++) {
            m->row(i)[k] = random.normal();
        }
    }
}

inline double dot(const float * x, const float * y, int64_t n) {
    double sum = 0.0;
    for (int64_t k = 0; k < n; k++) {
        sum += (double) x[k]*y[k];
    }
    return sum;
}

// The sum of x x^T over the rows x of m, computed naively: [d][d].
inline std::vector<double> moment_of(const flash_head_matrix & m) {
    const int64_t d = m.n_cols;
    std::vector<double> out(d*d, 0.0);
    for (int64_t r = 0; r < m.n_rows; r++) {
        for (int64_t i = 0; i < d; i++) {
            for (int64_t k = 0; k < d; k++) {
                out[i*d + k] += (double) m.row(r)[i]*m.row(r)[k];
            }
        }
    }
    return out;
}

// Hidden states with some strong directions: [n][d].
inline void fill_hidden(flash_head_matrix * hidden, int64_t n, int64_t d, uint64_t seed) {
    flash_head_matrix base;
    fill_normal(&base, 6, d, 77);
    fill_normal(hidden, n, d, seed);
    random_numbers random = { seed + 1 };
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < 6; j++) {
            const float part = random.normal()*2.0f;
            for (int64_t k = 0; k < d; k++) {
                hidden->row(i)[k] += part*base.row(j)[k];
            }
        }
    }
}

// A head and its clusters, which may differ in size.
struct head {
    flash_head_dense_weight weight;
    std::vector<uint32_t>   cluster;
    int64_t                 n_clusters;
};

inline void set_weight(flash_head_dense_weight * w, enum ggml_type type, const flash_head_matrix & x) {
    w->info.name   = "w";
    w->info.type   = type;
    w->info.n_rows = x.n_rows;
    w->info.n_cols = x.n_cols;
    w->data.resize(x.n_rows*ggml_row_size(type, x.n_cols));
    w->most = 0.0f;
    for (int64_t i = 0; i < x.n_rows; i++) {
        ggml_quantize_chunk(type, x.row(i), w->data.data + i*ggml_row_size(type, x.n_cols), 0, 1, x.n_cols, nullptr);
        for (int64_t k = 0; k < x.n_cols; k++) {
            w->most = std::max(w->most, std::fabs(x.row(i)[k]));
        }
    }
}

inline void set_clusters(head * h, int64_t n_rows, int64_t n_clusters, uint64_t seed) {
    random_numbers random = { seed };
    h->n_clusters = n_clusters;
    h->cluster.resize(n_rows);
    for (int64_t i = 0; i < n_rows; i++) {
        const uint64_t c = random.next() % n_clusters;
        h->cluster[i] = (uint32_t) (i < n_clusters ? i : c % 3 == 0 ? c : random.next() % n_clusters);
    }
}

// Rows scattered around their cluster's centre along n_directions common directions.
inline void set_head(head * h, enum ggml_type type, int64_t n_rows, int64_t d, int64_t n_clusters, int64_t n_directions,
        uint64_t seed) {
    flash_head_matrix x, centres, directions;
    fill_normal(&centres, n_clusters, d, seed);
    fill_normal(&directions, n_directions, d, seed + 1);
    flash_head_matrix_init(&x, n_rows, d);
    set_clusters(h, n_rows, n_clusters, seed + 2);
    random_numbers random = { seed + 3 };
    for (int64_t i = 0; i < n_rows; i++) {
        for (int64_t k = 0; k < d; k++) {
            x.row(i)[k] = 0.05f*centres.row(h->cluster[i])[k];
        }
        for (int64_t j = 0; j < n_directions; j++) {
            const float part = 0.03f*random.normal();
            for (int64_t k = 0; k < d; k++) {
                x.row(i)[k] += part*directions.row(j)[k];
            }
        }
    }
    set_weight(&h->weight, type, x);
}

// The runtime's part: estimates of every token's logit from a head and its calibration.
struct runtime {
    std::vector<uint8_t> centroids;
    flash_head_estimator estimator;

    runtime(const head & h, const flash_head_calibration & c, const flash_head_calibrate_params & params) {
        const flash_head_tensor_info & info = h.weight.info;
        const enum ggml_type type = params.centroid_type;
        const flash_head_map map = flash_head_calibrated_map({ h.weight, h.cluster, h.n_clusters }, params, c);
        centroids.resize(h.n_clusters*ggml_row_size(type, info.n_cols));
        flash_head_build_centroids(map, { h.weight.data.data, FLASH_HEAD_BY_TOKEN, info.type, info.n_cols }, type,
                centroids.data(), 1);
        flash_head_estimator_init(&estimator, h.weight, map, type, centroids.data(), 1);
    }

    std::vector<float> estimate(const flash_head_matrix & hidden, int64_t i, int64_t n_probe = 0,
            float tolerance = 0.0f) {
        estimator.params.n_probe   = (int32_t) n_probe;
        estimator.params.tolerance = tolerance;
        std::vector<float> out(estimator.map.cluster.size());
        flash_head_estimator_run(&estimator, 0, { &hidden, i, 1 }, out.data());
        return out;
    }
};

// Defined in calibrate-algebra.cpp.
void test_algebra();
