#include "records.h"

#include "flash-head-sketch.h"

#include <algorithm>
#include <atomic>
#include <cmath>

static const int64_t FHC_STATES = 64;            // rows of hidden states of a task
static const int64_t FLASH_HEAD_CHUNK  = 8 << 20;       // floats of rows of the weight that are dequantised at a time, about
static const int64_t FHC_SPAN   = 512;           // of those, rows of a product

struct best_token {
    float    logit;
    uint32_t token;
};

// The first row of hidden states, of those that threads name, for which something is not finite.
struct first_bad {
    std::atomic<int64_t> row{INT64_MAX};

    void add(int64_t i) {
        int64_t first = row;
        while (i < first && !row.compare_exchange_weak(first, i)) {
        }
    }
    bool none(const char * what, std::string * error) const {
        if (row == INT64_MAX) {
            return true;
        }
        *error = std::string("the ") + what + " of hidden state " + std::to_string(row.load()) + " are not finite";
        return false;
    }
};

// Merges the logits of n tokens from the given one on, none of which was merged before, into a list of n_best, best first.
// Returns false if one is not finite.
static bool merge(const float * logits, int64_t n, uint32_t first, int64_t n_best, best_token * best) {
    float limit = best[n_best - 1].logit;
    bool  sound = true;
    for (int64_t i = 0; i < n; i++) {
        const float logit = logits[i];
        sound = sound && std::isfinite(logit);
        if (!(logit > limit)) {
            continue;
        }
        int64_t at = n_best - 1;
        for (; at > 0 && logit > best[at - 1].logit; at--) {
            best[at] = best[at - 1];
        }
        best[at] = { logit, first + (uint32_t) i };
        limit = best[n_best - 1].logit;
    }
    return sound;
}

// The best tokens of every row of hidden: best [n][n_best].
static bool find_best(fhc_products * p, const fhc_weight & w, const fhc_matrix & hidden, int64_t n_best,
        const std::function<void(double)> & progress, std::vector<best_token> * best, std::string * error) {
    const int64_t n_rows  = w.info.n_rows;
    const int64_t n_chunk = std::min(n_rows, std::max(FHC_SPAN, FLASH_HEAD_CHUNK/w.info.n_cols/FHC_SPAN*FHC_SPAN));
    best->assign(hidden.n_rows*n_best, { -INFINITY, 0 });
    fhc_products_reserve(p, FHC_STATES*FHC_SPAN);

    fhc_matrix chunk;
    fhc_matrix_init(&chunk, n_chunk, w.info.n_cols);
    first_bad bad;
    for (int64_t begin = 0; begin < n_rows; begin += n_chunk) {
        const int64_t n = std::min(n_chunk, n_rows - begin);
        const int64_t n_dequantised = 64;    // rows a task
        flash_head_pool_run(p->pool, (n + n_dequantised - 1)/n_dequantised, [&](int, int64_t task) {
            for (int64_t i = task*n_dequantised; i < std::min((task + 1)*n_dequantised, n); i++) {
                w.get(begin + i, chunk.row(i));
            }
        });
        flash_head_pool_run(p->pool, (hidden.n_rows + FHC_STATES - 1)/FHC_STATES, [&](int worker, int64_t task) {
            const int64_t h0 = task*FHC_STATES, n_h = std::min(FHC_STATES, hidden.n_rows - h0);
            float * tile = fhc_products_tile(p, worker);
            for (int64_t i = 0; i < n; i += FHC_SPAN) {
                const int64_t n_i = std::min(FHC_SPAN, n - i);
                fhc_product(p, worker, &chunk, i, n_i, &hidden, h0, n_h, tile);
                for (int64_t h = 0; h < n_h; h++) {
                    if (!merge(tile + h*n_i, n_i, (uint32_t) (begin + i), n_best, best->data() + (h0 + h)*n_best)) {
                        bad.add(h0 + h);
                    }
                }
            }
        });
        progress((double) (begin + n)/n_rows);
    }
    return bad.none("logits", error);
}

// What a thread ranks with.
struct ranker {
    std::vector<float>   estimates;    // [V]
    std::vector<int32_t> order;        // [n_best]: the best tokens by estimate
    std::vector<int64_t> above;        // [n_best + 1]: tokens that fall between the one before and this one
};

// Ranks the best tokens of one row by r.estimates: out [n_best][2].
static void rank(const best_token * best, ranker & r, uint32_t * out) {
    const int32_t n_best = (int32_t) r.order.size();
    const float * e      = r.estimates.data();
    const auto value = [&](int32_t i) { return e[best[i].token]; };
    for (int32_t i = 0; i < n_best; i++) {
        r.order[i] = i;
    }
    std::sort(r.order.begin(), r.order.end(), [&](int32_t a, int32_t b) {
        return value(a) != value(b) ? value(a) > value(b) : best[a].token < best[b].token;
    });
    std::fill(r.above.begin(), r.above.end(), 0);
    const float least = value(r.order[n_best - 1]);
    for (uint32_t token = 0; token < r.estimates.size(); token++) {
        if (e[token] < least) {
            continue;    // nearly all
        }
        const auto after = std::lower_bound(r.order.begin(), r.order.end(), token, [&](int32_t i, uint32_t) {
            return value(i) > e[token] || (value(i) == e[token] && best[i].token <= token);
        });
        r.above[after - r.order.begin()]++;    // itself counts for those after it
    }
    int64_t n = 0;
    for (int32_t k = 0; k < n_best; k++) {
        n += r.above[k];
        out[2*r.order[k]]     = best[r.order[k]].token;
        out[2*r.order[k] + 1] = (uint32_t) (n + 1);
    }
}

// The estimates of one row x, of which scores are those of the centroids. Returns false if one is not finite.
static bool estimate(const fhc_head & head, const float * x, const float * scores, std::vector<float> & out) {
    const flash_head_map & map = *head.map;
    if (map.rank > 0) {
        flash_head_code code;
        flash_head_sketch_encode(head.activations.data(), map.rank, x, head.weight->info.n_cols, &code);
        flash_head_sketch_estimate(head.sketch.data(), map.rank, &code, map.cluster.data(), scores, 0, (int64_t) out.size(), out.data(), nullptr);
    } else {
        for (size_t token = 0; token < out.size(); token++) {
            out[token] = scores[map.cluster[token]];
        }
    }
    return std::all_of(out.begin(), out.end(), [](float estimate) { return std::isfinite(estimate); });
}

bool fhc_records_make(fhc_products * p, const fhc_head & head, const fhc_matrix & hidden, const std::function<void(double)> & progress,
        std::vector<uint32_t> * out, std::string * error) {
    const int64_t n_vocab = head.weight->info.n_rows;
    const int64_t n_best  = std::min(FHC_RECORD_TOKENS, n_vocab);
    const double  search  = 0.85;    // of the time, about

    std::vector<best_token> best;
    if (!find_best(p, *head.weight, hidden, n_best, [&](double share) { progress(search*share); }, &best, error)) {
        return false;
    }

    ranker sizes;
    sizes.estimates.resize(n_vocab);
    sizes.order    .resize(n_best);
    sizes.above    .resize(n_best + 1);
    std::vector<ranker> rankers(flash_head_pool_n_threads(p->pool), sizes);
    const int64_t n_scores = head.centroids.n_rows;
    first_bad bad;
    fhc_products_reserve(p, FHC_STATES*n_scores);
    out->resize(hidden.n_rows*n_best*2);
    const int64_t n_tasks = (hidden.n_rows + FHC_STATES - 1)/FHC_STATES;
    const int64_t n_part  = 16;    // tasks between two signs of progress
    for (int64_t begin = 0; begin < n_tasks; begin += n_part) {
        const int64_t end = std::min(begin + n_part, n_tasks);
        flash_head_pool_run(p->pool, end - begin, [&](int worker, int64_t task) {
            const int64_t h0 = (begin + task)*FHC_STATES, n_h = std::min(FHC_STATES, hidden.n_rows - h0);
            float * scores = fhc_products_tile(p, worker);
            fhc_product(p, worker, &head.centroids, 0, n_scores, &hidden, h0, n_h, scores);
            for (int64_t h = 0; h < n_h; h++) {
                if (!estimate(head, hidden.row(h0 + h), scores + h*n_scores, rankers[worker].estimates)) {
                    bad.add(h0 + h);
                    continue;
                }
                rank(best.data() + (h0 + h)*n_best, rankers[worker], out->data() + (h0 + h)*n_best*2);
            }
        });
        progress(search + (1.0 - search)*end/n_tasks);
    }
    return bad.none("estimates", error);
}
