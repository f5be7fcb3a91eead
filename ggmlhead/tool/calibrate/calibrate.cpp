#include "flash-head-calibrate.h"

#include "flash-head-build.h"
#include "flash-head-sketch.h"
#include "records.h"

#include <algorithm>
#include <cmath>

// The map that the runtime reads from a converted file, as far as it is needed here.
static flash_head_map make_map(const std::vector<uint32_t> & cluster, int64_t n_clusters) {
    flash_head_map map;
    map.n_cluster = n_clusters;
    map.cluster.assign(cluster.begin(), cluster.end());
    flash_head_map_sort(map);
    return map;
}

// The centroids as the runtime makes them, and their values: fills head->centroids.
static bool make_centroids(const fhc_weight & w, const flash_head_map & map, enum ggml_type type, int n_threads,
        std::vector<uint8_t> * rounded, fhc_head * head, std::string * error) {
    const int64_t d = w.info.n_cols;
    rounded->resize(map.n_cluster*ggml_row_size(type, d));
    flash_head_build_centroids(map, { w.data.data, FLASH_HEAD_BY_TOKEN, w.info.type, d }, type, rounded->data(),
            n_threads);
    fhc_matrix_init(&head->centroids, GGML_PAD(map.n_cluster, 16), d);
    for (int64_t c = 0; c < map.n_cluster; c++) {
        float * row = head->centroids.row(c);
        fhc_row_get(rounded->data(), type, d, c, row);
        if (w.most > flash_head_largest(type) && std::all_of(row, row + d, [](float x) { return x == 0.0f; })) {
            *error = "tensor " + w.info.name + " has rows too large for centroids of type " + ggml_type_name(type);
            return false;
        }
    }
    return true;
}

// Second moment of what rows of the weight differ by from their centroids, in units of the greatest weight.
static void residual_moment(fhc_products * p, const fhc_head & head, int64_t n,
        const std::function<void(double)> & progress, fhc_matrix * out) {
    const fhc_weight & w     = *head.weight;
    const int64_t      d     = w.info.n_cols;
    const double       scale = w.most > 0.0f ? 1.0/w.most : 1.0;
    fhc_second_moment(p, n, d, [&](int64_t i, float * x) {
        const int64_t v = i*w.info.n_rows/n;
        const float * c = head.centroids.row(head.map->cluster[v]);
        w.get(v, x);
        for (int64_t k = 0; k < d; k++) {
            x[k] = (float) ((x[k] - c[k])*scale);
        }
    }, progress, out);
}

// Tells how far the whole is from how far a stage is, by what the stages cost, about.
struct stages {
    const fhc_calibrate_params & params;
    double moment, residuals, directions, records;    // products of two numbers

    stages(const fhc_calibrate_params & params, int64_t d, int64_t n_rows, int64_t n_residuals, int64_t n_hidden)
            : params(params) {
        const double on = params.rank > 0 ? 1.0 : 0.0;
        moment     = on*d*d*params.fit/2;
        residuals  = on*d*d*n_residuals/2;
        // the latter for the sketch's factors
        directions = on*d*d*(d/6.0 + 40.0*params.rank) + 8.0*d*n_rows*params.rank;
        records    = 1.2*d*n_rows*n_hidden;
    }
    std::function<void(double)> stage(const char * name, double before, double own) const {
        const double all = moment + residuals + directions + records;
        return [=](double share) {
            if (params.progress) {
                params.progress(name, (before + own*share)/all);
            }
        };
    }
};

bool fhc_calibrate(const fhc_weight & weight, const std::vector<uint32_t> & cluster, int64_t n_clusters,
        const fhc_matrix & hidden,
        const fhc_calibrate_params & params, flash_head_pool * pool, fhc_calibration * out, std::string * error) {
    const int64_t d           = weight.info.n_cols;
    const int64_t n_rows      = weight.info.n_rows;
    const int64_t n_residuals = std::min(n_rows, FHC_MAX_RESIDUALS);
    const int     n_threads   = flash_head_pool_n_threads(pool);
    const stages  part(params, d, n_rows, n_residuals, hidden.n_rows);

    fhc_products products;
    if (!fhc_products_init(&products, pool)) {
        *error = "there is no CPU backend";
        return false;
    }
    flash_head_map       map = make_map(cluster, n_clusters);
    std::vector<uint8_t> centroids;
    fhc_head             head;
    head.weight = &weight;
    head.map    = &map;
    if (!make_centroids(weight, map, params.centroid_type, n_threads, &centroids, &head, error)) {
        return false;
    }
    if (params.rank > 0) {
        fhc_matrix c, s;
        fhc_hidden_moment(&products, hidden, params.fit, part.stage("moment", 0.0, part.moment), &c);
        residual_moment(&products, head, n_residuals, part.stage("residuals", part.moment, part.residuals), &s);
        const auto progress = part.stage("directions", part.moment + part.residuals, part.directions);
        if (!fhc_directions_find(&products, &c, s, params.rank, progress, &out->directions, error)) {
            return false;
        }
        map.rank               = params.rank;
        map.sketch_rows        = out->directions.rows;
        map.sketch_activations = out->directions.activations;
        head.sketch.resize(flash_head_sketch_n_groups(n_rows)*flash_head_sketch_group_size(map.rank));
        flash_head_build_sketch(map, { weight.data.data, FLASH_HEAD_BY_TOKEN, weight.info.type, d },
                params.centroid_type,
                centroids.data(),
                head.sketch.data(), n_threads);
        head.activations.resize(d*map.rank);
        flash_head_transpose(map.sketch_activations, map.rank, head.activations.data());
    }
    return fhc_records_make(&products, head, hidden, part.stage("records",
            part.moment + part.residuals + part.directions, part.records),
            &out->records, error);
}
