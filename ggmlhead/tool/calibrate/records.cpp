#include "records.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <numeric>

static const int64_t FHC_BATCH = 256ll << 20; // bytes of logits and estimates at a time, about
static const int64_t FHC_SPAN  = 512;         // rows of the weight that are dequantised and multiplied by one task

// The first row of hidden states, of those that threads name, for which something is not finite.
struct first_bad {
    std::atomic<int64_t> row{INT64_MAX};

    void add(int64_t i) {
        int64_t first = row;
        while (i < first && !row.compare_exchange_weak(first, i)) {
        }
    }
    bool none(std::string * error) const {
        if (row == INT64_MAX) {
            return true;
        }
        *error = "the logits or estimates of hidden state " + std::to_string(row.load()) + " are not finite";
        return false;
    }
};

// Products with F32 rows, for a call of the core that scores no row exactly.
static void dot_f32(int n, float * s, size_t, const void * x, size_t, const void * y, size_t, int) {
    const float * a = (const float *) x, * b = (const float *) y;
    float sums[8] = {};
    int   i = 0;
    for (; i + 8 <= n; i += 8) {
        for (int k = 0; k < 8; k++) {
            sums[k] += a[i + k]*b[i + k];
        }
    }
    for (; i < n; i++) {
        sums[0] += a[i]*b[i];
    }
    *s = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

static void copy_f32(const float * x, void * y, int64_t n) {
    memcpy(y, x, n*sizeof(float));
}

// The head as the core takes it. No token is pinned, no row of the weight is read.
static flash_head core_head(const fhc_head & head) {
    const flash_head_map & map = *head.map;
    const int64_t          d   = head.weight->info.n_cols;
    flash_head core = {};
    core.n_embd       = d;
    core.n_vocab      = (int64_t) map.cluster.size();
    core.n_cluster    = map.n_cluster;
    core.centroids    = head.centroids.row(0);
    core.cluster      = map.cluster.data();
    core.position     = map.position.data();
    core.tokens       = map.tokens.data();
    core.offsets      = map.offsets.data();
    core.codes        = { map.n_directions, map.coarse_bits, map.fine_bytes, head.coarse.data(), head.fine.data(),
            head.basis.data() };
    core.weight_dot   = { dot_f32, copy_f32, 0, d*sizeof(float) };
    core.centroid_dot = { dot_f32, copy_f32, head.centroids.n_stride*sizeof(float), d*sizeof(float) };
    return core;
}

// What a thread works with.
struct recorder {
    std::vector<char>    work;     // of the core
    std::vector<int32_t> order;    // [V]
};

// The log of the sum of exponentials of x [n], with its maximum.
static double log_sum(const float * x, int64_t n, float * most) {
    *most = *std::max_element(x, x + n);
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        sum += std::exp(x[i] - *most);
    }
    return *most + std::log(sum);
}

// Records one row, given the dense logits [V] and the estimates [V], which become the runtime's logits.
static void record(const fhc_head & head, const float * dense, float * estimates, std::vector<int32_t> & order,
        int64_t n_best, uint32_t * out) {
    const int64_t n_vocab = (int64_t) order.size();
    auto better = [](const float * values) {
        return [values](int32_t a, int32_t b) { return values[a] != values[b] ? values[a] > values[b] : a < b; };
    };
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + n_best, order.end(), better(dense));
    for (int64_t i = 0; i < n_best; i++) {
        const int32_t token = order[i];
        const float   own   = estimates[token];
        int64_t above = 0;
        for (int64_t v = 0; v < n_vocab; v++) {
            above += (estimates[v] > own) | ((estimates[v] == own) & (v < token));
        }
        out[2*i]     = (uint32_t) token;
        out[2*i + 1] = (uint32_t) (above + 1);
    }
    const int32_t best = order[0];

    if (head.n_exact < n_vocab) {
        std::nth_element(order.begin(), order.begin() + head.n_exact, order.end(), better(estimates));
    }
    for (int64_t i = 0; i < std::min(head.n_exact, n_vocab); i++) {
        estimates[order[i]] = dense[order[i]];
    }
    float        most, most_here;
    const double log_dense = log_sum(dense, n_vocab, &most), log_here = log_sum(estimates, n_vocab, &most_here);
    double kld = 0.0;
    for (int64_t v = 0; v < n_vocab; v++) {
        const double p = std::exp((float) (dense[v] - log_dense));
        kld += p*((dense[v] - log_dense) - (estimates[v] - log_here));
    }
    const float value = (float) kld;
    memcpy(&out[2*n_best], &value, sizeof(value));
    out[2*n_best + 1] = std::max_element(estimates, estimates + n_vocab) - estimates == best;
}

bool fhc_records_make(fhc_products * p, const fhc_head & head, const fhc_matrix & hidden, int64_t first,
        const std::function<void(double)> & progress, std::vector<uint32_t> * out, std::string * error) {
    const fhc_weight & w       = *head.weight;
    const int64_t      n_vocab = w.info.n_rows, d = w.info.n_cols;
    const int64_t      n_best  = std::min(FHC_RECORD_TOKENS, n_vocab), n_record = 2*n_best + 2;
    const int64_t      n_batch = std::max<int64_t>(1, FHC_BATCH/(2*n_vocab*(int64_t) sizeof(float)));
    const int64_t      n_spans = (n_vocab + FHC_SPAN - 1)/FHC_SPAN;
    const flash_head   core    = core_head(head);
    const flash_head_params params = { 0, FLASH_HEAD_MODE_TOP, 1.0f, 0, head.map->n_near };

    std::vector<recorder> recorders(flash_head_pool_n_threads(p->pool));
    std::vector<fhc_matrix> rows(recorders.size());
    for (size_t i = 0; i < recorders.size(); i++) {
        recorders[i].work .resize(flash_head_work_size(&core, 1, 1));
        recorders[i].order.resize(n_vocab);
        fhc_matrix_init(&rows[i], FHC_SPAN, d);
    }
    fhc_products_reserve(p, FHC_SPAN*n_batch);
    std::vector<float> dense(n_batch*n_vocab), estimates(n_batch*n_vocab);
    out->resize((hidden.n_rows - first)*n_record);
    first_bad bad;
    for (int64_t begin = first; begin < hidden.n_rows; begin += n_batch) {
        const int64_t n = std::min(n_batch, hidden.n_rows - begin);
        flash_head_pool_run(p->pool, n_spans, [&](int worker, int64_t task) {
            const int64_t v0 = task*FHC_SPAN, n_v = std::min(FHC_SPAN, n_vocab - v0);
            for (int64_t v = 0; v < n_v; v++) {
                w.get(v0 + v, rows[worker].row(v));
            }
            float * tile = fhc_products_tile(p, worker);
            fhc_product(p, worker, &rows[worker], 0, n_v, &hidden, begin, n, tile);
            for (int64_t h = 0; h < n; h++) {
                memcpy(dense.data() + h*n_vocab + v0, tile + h*n_v, n_v*sizeof(float));
            }
        });
        flash_head_pool_run(p->pool, n, [&](int worker, int64_t h) {
            float * logits = dense.data() + h*n_vocab, * own = estimates.data() + h*n_vocab;
            const flash_head_thread alone = { 0, 1, [](void *) {}, nullptr, nullptr };
            flash_head_compute(&core, &params, hidden.row(begin + h), d*sizeof(float), own, n_vocab*sizeof(float), 1,
                    recorders[worker].work.data(), alone);
            auto finite = [](float x) { return std::isfinite(x); };
            if (!std::all_of(logits, logits + n_vocab, finite) || !std::all_of(own, own + n_vocab, finite)) {
                bad.add(begin + h);
                return;
            }
            record(head, logits, own, recorders[worker].order, n_best,
                    out->data() + (begin - first + h)*n_record);
        });
        progress((double) (begin + n - first)/(hidden.n_rows - first));
    }
    return bad.none(error);
}
