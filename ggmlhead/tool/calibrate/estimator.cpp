#include "estimator.h"

#include "flash-head-centroids.h"
#include "flash-head-encode.h"

#include <algorithm>
#include <cstring>

static void dot(int n, float * s, size_t, const void * x, size_t, const void * y, size_t, int) {
    const float * a = (const float *) x, * b = (const float *) y;
    float sums[16] = { 0 }; // several sums, to vectorise
    int k = 0;
    for (; k + 16 <= n; k += 16) {
        for (int l = 0; l < 16; l++) {
            sums[l] += a[k + l]*b[k + l];
        }
    }
    for (; k < n; k++) {
        sums[0] += a[k]*b[k];
    }
    *s = 0.0f;
    for (float sum : sums) {
        *s += sum;
    }
}

static void copy(const float * x, void * y, int64_t n) {
    memcpy(y, x, n*sizeof(float));
}

static void nothing(const float *, void *, int64_t) {
}

// Replaces the product with a row.
static void mark(int, float * s, size_t, const void *, size_t, const void *, size_t, int) {
    *s = FLASH_HEAD_ESTIMATOR_EXACT;
}

static void no_wait(void *) {
}

// Prepares centroids for the core: Q4_0 in groups, other types as floats.
static void set_centroids(flash_head_estimator * e, enum ggml_type type, const void * centroids, int n_threads) {
    const int64_t d = e->head.n_embd, k = e->head.n_cluster;
    flash_head_dot & of = e->head.centroid_dot;
    if (type == GGML_TYPE_Q4_0) {
        of = { nullptr, ggml_get_type_traits(GGML_TYPE_Q8_0)->from_float_ref, ggml_row_size(type, d),
            ggml_row_size(GGML_TYPE_Q8_0, d) };
        e->head.grouped = 1;
        e->centroids.resize(flash_head_centroids_padded(k)*of.row_size);
        flash_head_build_groups(centroids, k, d, e->centroids.data, n_threads);
    } else {
        of = { dot, copy, d*sizeof(float), d*sizeof(float) };
        e->centroids.resize(k*of.row_size);
        for (int64_t c = 0; c < k; c++) {
            flash_head_row_get(centroids, type, d, c, (float *) e->centroids.data + c*d);
        }
    }
    e->head.centroids = e->centroids.data;
}

static void set_codes(flash_head_estimator * e, const flash_head_weight_rows & rows, enum ggml_type centroid_type,
        const void * centroids, int n_threads) {
    const flash_head_map      & map = e->map;
    const flash_head_code_sizes sizes(map, rows.n_embd);
    e->coarse.resize(sizes.coarse);
    e->fine  .resize(sizes.fine);
    e->basis .resize(sizes.basis/sizeof(float));
    flash_head_encode(map, rows, centroid_type, centroids, { e->coarse.data, e->fine.data, e->basis.data() },
            n_threads);
    e->head.codes = { map.n_directions, map.coarse_bits, map.fine_bytes, e->coarse.data, e->fine.data,
        e->basis.data() };
}

void flash_head_estimator_init(flash_head_estimator * e, const flash_head_dense_weight & weight,
        const flash_head_map & map, enum ggml_type centroid_type, const void * centroids, int n_threads) {
    const flash_head_tensor_info & info = weight.info;
    e->map = map;
    flash_head & head = e->head;
    head.n_embd    = info.n_cols;
    head.n_vocab   = info.n_rows;
    head.n_cluster = map.n_cluster;
    head.weight    = weight.data.data;
    head.cluster   = e->map.cluster .data();
    head.position  = e->map.position.data();
    head.tokens    = e->map.tokens  .data();
    head.offsets   = e->map.offsets .data();
    head.bias      = weight.bias.empty() ? nullptr : weight.bias.data();
    // rows are only marked, so activations are not quantised for them
    head.weight_dot = { mark, nothing, ggml_row_size(info.type, info.n_cols), 0 };
    set_centroids(e, centroid_type, centroids, n_threads);
    set_codes(e, { weight.data.data, FLASH_HEAD_BY_TOKEN, info.type, info.n_cols }, centroid_type, centroids,
            n_threads);

    e->params.n_near = map.n_near;
    e->params.mode   = FLASH_HEAD_MODE_TOP;
    e->work = std::vector<flash_head_aligned_buffer>(n_threads);
    e->counts.resize(n_threads);
    for (flash_head_aligned_buffer & work : e->work) {
        work.resize(flash_head_work_size(&head, FLASH_HEAD_ESTIMATOR_ROWS, 1));
    }
}

void flash_head_estimator_run(flash_head_estimator * e, int worker, const flash_head_span & x, float * out) {
    flash_head_compute(&e->head, &e->params, x.matrix->row(x.first), x.matrix->n_stride*sizeof(float), out,
            e->head.n_vocab*sizeof(float), x.n, e->work[worker].data, { 0, 1, no_wait, nullptr, &e->counts[worker] });
}
