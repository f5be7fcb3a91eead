#include "flash-head-calibrate.h"

#include "flash-head-build.h"
#include "records.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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

// Mean second moment of what rows of the weight differ by from their centroids, in units of the greatest weight.
static void residual_moment(fhc_products * p, const fhc_head & head, int64_t n,
        const std::function<void(double)> & progress, fhc_matrix * out) {
    const fhc_weight & w     = *head.weight;
    const int64_t      d     = w.info.n_cols;
    const double       scale = (w.most > 0.0f ? 1.0/w.most : 1.0)/std::sqrt((double) n);
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

    stages(const fhc_calibrate_params & params, int64_t d, int64_t n_rows, int64_t n_residuals, int64_t n_fit,
            int64_t n_records)
            : params(params) {
        moment     = (double) d*d*n_fit/2;
        residuals  = (double) d*d*n_residuals/2;
        directions = (double) d*d*(d/6.0 + 40.0*params.n_directions);
        records    = 2.0*d*n_rows*n_records + 300.0*d*n_rows; // the latter for the codes
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

// Adds directions of zeros, to which the runtime gives the bits that the others cannot have.
static void fill_up(fhc_directions * directions, int64_t d, int64_t n) {
    directions->variances  .resize(std::max((int64_t) directions->variances.size(), n));
    directions->rows       .resize(directions->variances.size()*d);
    directions->activations.resize(directions->variances.size()*d);
}

// Makes the codes as the runtime does at load.
static void make_codes(const fhc_weight & weight, const fhc_calibrate_params & params, const fhc_calibration & found,
        const void * centroids, int n_threads, flash_head_map * map, fhc_head * head) {
    const int64_t d = weight.info.n_cols;
    map->coarse_bits      = params.coarse_bits;
    map->fine_bytes       = params.fine_bytes;
    map->n_near           = params.n_near;
    map->code_rows        = found.directions.rows;
    map->code_activations = found.directions.activations;
    map->code_variances   = found.directions.variances;
    map->code_weights     = found.weights;
    map->n_directions     = (int32_t) GGML_PAD(map->code_variances.size(), 8);
    map->code_variances  .resize(map->n_directions);
    map->code_rows       .resize(map->n_directions*d);
    map->code_activations.resize(map->n_directions*d);

    const flash_head_code_sizes sizes(*map, d);
    head->coarse.resize(sizes.coarse);
    head->fine  .resize(sizes.fine);
    head->basis .resize(sizes.basis/sizeof(float));
    flash_head_encode(*map, { weight.data.data, FLASH_HEAD_BY_TOKEN, weight.info.type, d }, params.centroid_type,
            centroids, { head->coarse.data(), head->fine.data(), head->basis.data() }, n_threads);
}

bool fhc_calibrate(const fhc_weight & weight, const std::vector<uint32_t> & cluster, int64_t n_clusters,
        const fhc_matrix & hidden,
        const fhc_calibrate_params & params, flash_head_pool * pool, fhc_calibration * out, std::string * error) {
    const int64_t d           = weight.info.n_cols;
    const int64_t n_rows      = weight.info.n_rows;
    const int64_t n_residuals = std::min(n_rows, FHC_MAX_RESIDUALS);
    const int64_t n_fit       = std::accumulate(params.fit.begin(), params.fit.end(), (int64_t) 0);
    const int     n_threads   = flash_head_pool_n_threads(pool);
    const stages  part(params, d, n_rows, n_residuals, n_fit, hidden.n_rows - n_fit);

    fhc_products products;
    if (!fhc_products_init(&products, pool)) {
        *error = "there is no CPU backend";
        return false;
    }
    flash_head_map       map = make_map(cluster, n_clusters);
    std::vector<uint8_t> centroids;
    fhc_head             head;
    head.weight  = &weight;
    head.map     = &map;
    head.n_exact = (params.n_probe*n_rows + n_clusters - 1)/n_clusters;
    if (!make_centroids(weight, map, params.centroid_type, n_threads, &centroids, &head, error)) {
        return false;
    }

    fhc_matrix c, s;
    double done = 0.0;
    fhc_hidden_moment(&products, hidden, params.fit, part.stage("moment", done, part.moment), &c);
    for (int64_t i = 0; i < d; i++) {
        out->weights.push_back(c.row(i)[i]);
    }
    done += part.moment;
    residual_moment(&products, head, n_residuals, part.stage("residuals", done, part.residuals), &s);
    done += part.residuals;
    if (!fhc_directions_find(&products, &c, s, std::min(params.n_directions, d),
            part.stage("directions", done, part.directions), &out->directions, error)) {
        return false;
    }
    done += part.directions;
    for (float & variance : out->directions.variances) {
        variance = (float) ((double) variance*weight.most*weight.most);
    }
    fill_up(&out->directions, d, (params.coarse_bits + FLASH_HEAD_MOST_BITS - 1)/FLASH_HEAD_MOST_BITS);
    if (hidden.n_rows == n_fit) {
        return true;
    }
    make_codes(weight, params, *out, centroids.data(), n_threads, &map, &head);
    return fhc_records_make(&products, head, hidden, n_fit, part.stage("records", done, part.records), &out->records,
            error);
}
