#include "flash-head-calibrate.h"

#include "flash-head-build.h"
#include "records.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace {

struct rounded_centroids {
    std::vector<uint8_t> rows;   // [K], quantised
    flash_head_matrix    values; // [K][n_cols]
};

// Computes the progress of the whole from that of a stage, by approximate costs of the stages.
struct stages {
    const flash_head_calibrate_params & params;
    double moment, residuals, directions, codes, records; // products of two numbers

    stages(const flash_head_calibrate_params & params, const flash_head_tensor_info & info, int64_t n_fitted,
            int64_t n_recorded)
        : params(params) {
        const double d = (double) info.n_cols, n_rows = (double) info.n_rows;
        moment     = d*d*n_fitted/2;
        residuals  = d*d*std::min<double>(n_rows, FLASH_HEAD_MAX_RESIDUALS)/2;
        directions = d*d*(2*d + 20.0*params.n_directions);
        codes      = n_recorded > 0 ? 6.0*d*n_rows*params.n_directions : 0.0;
        records    = 1.5*d*n_rows*n_recorded;
    }

    // before: the cost of the stages before
    std::function<void(double)> stage(const char * name, double before, double own) const {
        const double all = moment + residuals + directions + codes + records;
        return [=](double share) {
            if (params.progress) {
                params.progress(name, (before + own*share)/all);
            }
        };
    }
};

} // namespace

// Computes the centroids like the runtime.
static void make_centroids(const flash_head_dense_weight & w, const flash_head_map & map, enum ggml_type type,
        int n_threads, rounded_centroids * out) {
    const int64_t d = w.info.n_cols;
    out->rows.resize(map.n_cluster*ggml_row_size(type, d));
    flash_head_build_centroids(map, { w.data.data, FLASH_HEAD_BY_TOKEN, w.info.type, d }, type, out->rows.data(),
            n_threads);
    flash_head_matrix_init(&out->values, map.n_cluster, d);
    for (int64_t c = 0; c < map.n_cluster; c++) {
        float * row = out->values.row(c);
        flash_head_row_get(out->rows.data(), type, d, c, row);
        if (w.most > flash_head_largest(type) && std::all_of(row, row + d, [](float x) { return x == 0.0f; })) {
            throw std::runtime_error("tensor " + w.info.name + " has rows too large for centroids of type "
                    + ggml_type_name(type));
        }
    }
}

// The second moment of residuals, in units of the largest weight, so that nothing overflows.
static void residual_moment(flash_head_products * p, const flash_head_calibrate_head & head,
        const flash_head_matrix & centroids, const std::function<void(double)> & progress, flash_head_matrix * out) {
    const flash_head_dense_weight & w = head.weight;
    const int64_t d     = w.info.n_cols;
    const int64_t n     = std::min(w.info.n_rows, FLASH_HEAD_MAX_RESIDUALS);
    const double  scale = w.most > 0.0f ? 1.0/w.most : 1.0;
    const double  share = std::sqrt(1.0/n);
    flash_head_second_moment(p, { n, d, [&](int64_t i, float * x) {
        const int64_t v = i*w.info.n_rows/n;
        const float * c = centroids.row(head.cluster[v]);
        w.get(v, x);
        for (int64_t k = 0; k < d; k++) {
            x[k] = (float) ((x[k] - c[k])*scale*share);
        }
    } }, progress, out);
}

// Converts variances to units of the weight, and adds zero directions if there are fewer than the bits need. Throws if
// a variance is too large.
static void finish_directions(const flash_head_dense_weight & w, int32_t coarse_bits, flash_head_directions * out) {
    const double unit = w.most > 0.0f ? (double) w.most*w.most : 1.0;
    for (double & variance : out->variances) {
        variance *= unit;
    }
    const int64_t n = std::max<int64_t>(out->variances.size(),
            (coarse_bits + FLASH_HEAD_MOST_BITS - 1)/FLASH_HEAD_MOST_BITS);
    out->variances  .resize(n);
    out->rows       .resize(n*w.info.n_cols);
    out->activations.resize(n*w.info.n_cols);
    if (!std::isfinite((float) out->variances[0])) { // the largest
        throw std::runtime_error("tensor " + w.info.name + " has rows too large for codes");
    }
}

flash_head_map flash_head_calibrated_map(const flash_head_calibrate_head & head,
        const flash_head_calibrate_params & params, const flash_head_calibration & from) {
    const size_t d = from.weights.size(), n = GGML_PAD(from.directions.variances.size(), 8);
    flash_head_map map;
    map.n_cluster        = head.n_clusters;
    map.cluster.assign(head.cluster.begin(), head.cluster.end());
    flash_head_map_sort(map);
    map.n_directions     = (int32_t) n;
    map.coarse_bits      = params.coarse_bits;
    map.fine_bytes       = params.fine_bytes;
    map.n_near           = params.n_near;
    map.code_rows        = from.directions.rows;
    map.code_activations = from.directions.activations;
    map.code_variances.assign(from.directions.variances.begin(), from.directions.variances.end());
    map.code_weights     = from.weights;
    map.code_rows       .resize(n*d);
    map.code_activations.resize(n*d);
    map.code_variances  .resize(n);
    return map;
}

flash_head_calibration flash_head_calibrate(const flash_head_calibrate_head & head,
        const flash_head_calibrate_hidden & hidden, const flash_head_calibrate_params & params,
        flash_head_pool * pool) {
    const flash_head_dense_weight & weight = head.weight;
    const int64_t d          = weight.info.n_cols;
    const int     n_threads  = flash_head_pool_n_threads(pool);
    const int64_t n_fitted   = std::accumulate(hidden.kinds.begin(), hidden.kinds.end(), (int64_t) 0);
    const int64_t n_recorded = hidden.states.n_rows - n_fitted;
    const stages  part(params, weight.info, n_fitted, n_recorded);

    flash_head_products    products(pool);
    rounded_centroids      centroids;
    flash_head_calibration out;
    make_centroids(weight, flash_head_calibrated_map(head, params, out), params.centroid_type, n_threads, &centroids);

    double before = 0.0;
    {
        flash_head_moments moments;
        if (hidden.kinds.empty()) {
            flash_head_matrix_init(&moments.metric, d, d);
            for (int64_t i = 0; i < d; i++) {
                moments.metric.row(i)[i] = 1.0f;
            }
        } else {
            flash_head_hidden_metric(&products, hidden.states, hidden.kinds, part.stage("moment", before, part.moment),
                    &moments.metric);
        }
        for (int64_t i = 0; i < d; i++) {
            out.weights.push_back(moments.metric.row(i)[i]);
        }
        before += part.moment;
        residual_moment(&products, head, centroids.values, part.stage("residuals", before, part.residuals),
                &moments.residuals);
        before += part.residuals;
        out.directions = flash_head_directions_find(&products, &moments, params.n_directions,
                part.stage("directions", before, part.directions));
        finish_directions(weight, params.coarse_bits, &out.directions);
        before += part.directions;
    }
    if (n_recorded == 0) {
        return out;
    }
    const flash_head_map map = flash_head_calibrated_map(head, params, out);
    const auto making = part.stage("codes", before, part.codes);
    making(0.0);
    flash_head_estimator estimator;
    flash_head_estimator_init(&estimator, weight, map, params.centroid_type, centroids.rows.data(), n_threads);
    making(1.0);
    before += part.codes;
    estimator.params.n_probe   = (int32_t) params.n_probe;
    estimator.params.tolerance = params.tolerance;
    out.records = flash_head_records_make(&products, { &weight, &estimator }, { &hidden.states, n_fitted, n_recorded },
            part.stage("records", before, part.records));
    for (const flash_head_counts & counts : estimator.counts) {
        out.near  += (double) counts.n_near  /n_recorded;
        out.exact += (double) counts.n_scored/n_recorded;
    }
    return out;
}
