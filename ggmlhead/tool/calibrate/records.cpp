#include "records.h"

#include "divergence.h"
#include "flash-head-select.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

static const int64_t MAX_ESTIMATES = 64 << 20; // floats: estimates that are kept while rows of the weight pass
static const int64_t MAX_STATES    = 1024;     // hidden states of which they are
static const int64_t MAX_LOGITS    = 8 << 20;  // floats: dense logits at a time
static const int64_t SPAN_FLOATS   = 256*1024; // floats of rows of the weight that stay in a core's cache

namespace {

struct best_token {
    float    logit;
    uint32_t token;
};

// The first hidden state, of those that threads name, for which something is not finite.
struct first_bad {
    std::atomic<int64_t> state{INT64_MAX};

    void add(int64_t i) {
        int64_t first = state;
        while (i < first && !state.compare_exchange_weak(first, i)) {
        }
    }
    bool none(const char * what, std::string * error) const {
        if (state == INT64_MAX) {
            return true;
        }
        *error = std::string("the ") + what + " of hidden state " + std::to_string(state.load()) + " are not finite";
        return false;
    }
};

// What is known of one hidden state while rows of the weight pass.
struct state_record {
    float                   least; // of the estimates of tokens that are scored exactly
    std::vector<best_token> best;  // [n_best], best first
    flash_head_divergence   divergence;
};

// Scratch of a thread.
struct scratch {
    std::vector<int32_t> keys;  // [n_vocab]
    std::vector<int32_t> order; // [n_best]: the best tokens by estimate
    std::vector<int64_t> above; // [n_best + 1]: tokens that fall between the one before and this one
    flash_head_matrix    rows;  // of the weight
};

// Records of some hidden states at a time, in three steps:
// 1. the estimates of all their tokens;
// 2. rows of the weight pass: dense logits, which give the best tokens and divergences;
// 3. the ranks of the best tokens.
struct recorder {
    flash_head_products       * p;
    const flash_head_recorded & head;
    const int64_t n_vocab = head.weight->info.n_rows;
    const int64_t n_best  = std::min(FLASH_HEAD_RECORD_TOKENS, n_vocab);
    const int64_t n_span; // rows of the weight of a product
    const int64_t n_states;
    const int64_t n_chunk = std::max(n_span, MAX_LOGITS/n_states/n_span*n_span); // tokens of dense logits at a time

    flash_head_aligned_buffer estimates; // [n_states][n_vocab]
    flash_head_aligned_buffer logits;    // [spans of a chunk][n_states][tokens of the span]
    std::vector<state_record> states;
    std::vector<scratch>      scratches;
    first_bad bad_estimates, bad_logits;

    recorder(flash_head_products * p, const flash_head_recorded & head, int64_t n_hidden)
        : p(p), head(head),
          n_span(std::max<int64_t>(16, SPAN_FLOATS/head.weight->info.n_cols/16*16)),
          n_states(std::min(n_hidden, std::max(FLASH_HEAD_ESTIMATOR_ROWS,
                  std::min(MAX_STATES, MAX_ESTIMATES/head.weight->info.n_rows)))),
          states(n_states), scratches(flash_head_pool_n_threads(p->pool)) {
        estimates.resize(n_states*n_vocab*sizeof(float));
        logits   .resize(n_states*std::min(n_chunk, GGML_PAD(n_vocab, 16))*sizeof(float));
        for (scratch & s : scratches) {
            s.keys .resize(n_vocab);
            s.order.resize(n_best);
            s.above.resize(n_best + 1);
            flash_head_matrix_init(&s.rows, std::min(n_span, n_vocab), head.weight->info.n_cols);
        }
    }

    float * estimates_of(int64_t i) const { return (float *) estimates.data + i*n_vocab; }

    void estimate(const flash_head_span & x) {
        const int64_t n_rows = FLASH_HEAD_ESTIMATOR_ROWS;
        flash_head_pool_run(p->pool, (x.n + n_rows - 1)/n_rows, [&](int worker, int64_t task) {
            const int64_t begin = task*n_rows, n = std::min(n_rows, x.n - begin);
            flash_head_estimator_run(head.estimator, worker, { x.matrix, x.first + begin, n }, estimates_of(begin));
            for (int64_t i = begin; i < begin + n; i++) {
                start(i, x.first + i, scratches[worker].keys);
            }
        });
    }

    // Multiplies tokens first .. first + n - 1 with all hidden states, then goes through the logits state by state.
    void pass(const flash_head_span & x, int64_t first, int64_t n) {
        flash_head_pool_run(p->pool, (n + n_span - 1)/n_span, [&](int worker, int64_t span) {
            flash_head_matrix & rows = scratches[worker].rows;
            const int64_t begin = span*n_span, n_rows = std::min(n_span, n - begin);
            for (int64_t i = 0; i < n_rows; i++) {
                head.weight->get(first + begin + i, rows.row(i));
            }
            flash_head_multiply(p, worker, { &rows, 0, n_rows }, x, (float *) logits.data + begin*x.n);
        });
        flash_head_pool_run(p->pool, x.n, [&](int, int64_t i) {
            for (int64_t begin = 0; begin < n; begin += n_span) {
                const int64_t n_tokens = std::min(n_span, n - begin), token = first + begin;
                const float * dense    = (const float *) logits.data + begin*x.n + i*n_tokens;
                if (!merge(dense, n_tokens, (uint32_t) token, states[i].best)) {
                    bad_logits.add(x.first + i);
                    return;
                }
                states[i].divergence.add(dense, estimates_of(i) + token, n_tokens, states[i].least, (uint32_t) token);
            }
        });
    }

    // out [x.n][size]
    void finish(int64_t n, int64_t size, uint32_t * out) {
        flash_head_pool_run(p->pool, n, [&](int worker, int64_t i) {
            uint32_t * record = out + i*size;
            rank(states[i].best, estimates_of(i), scratches[worker], record);
            const float kld = (float) states[i].divergence.value();
            memcpy(record + 2*n_best, &kld, sizeof(kld));
            record[2*n_best + 1] = states[i].divergence.best == states[i].best[0].token;
        });
    }

private:
    void start(int64_t i, int64_t state, std::vector<int32_t> & keys) {
        const float * e = estimates_of(i);
        bool finite = true;
        for (int64_t v = 0; v < n_vocab; v++) {
            keys[v] = flash_head_key(e[v]);
            finite  = finite && std::isfinite(e[v]);
        }
        if (!finite) {
            bad_estimates.add(state);
        }
        states[i].least = flash_head_score_of_key(flash_head_nth_best(keys.data(), n_vocab, head.n_exact, 0));
        states[i].best.assign(n_best, { -INFINITY, 0 });
        states[i].divergence = {};
    }

    // Merges the logits of n tokens from the given one on, after those before them. Returns false if one is not finite.
    static bool merge(const float * logits, int64_t n, uint32_t first, std::vector<best_token> & best) {
        float limit = best.back().logit;
        bool  sound = true;
        for (int64_t i = 0; i < n; i++) {
            const float logit = logits[i];
            sound = sound && std::isfinite(logit);
            if (!(logit > limit)) {
                continue;
            }
            size_t at = best.size() - 1;
            for (; at > 0 && logit > best[at - 1].logit; at--) {
                best[at] = best[at - 1];
            }
            best[at] = { logit, first + (uint32_t) i };
            limit = best.back().logit;
        }
        return sound;
    }

    // Ranks the best tokens by their estimates e [n_vocab]: out [n_best][2].
    void rank(const std::vector<best_token> & best, const float * e, scratch & s, uint32_t * out) const {
        const auto value = [&](int32_t i) { return e[best[i].token]; };
        for (int32_t i = 0; i < n_best; i++) {
            s.order[i] = i;
        }
        std::sort(s.order.begin(), s.order.end(), [&](int32_t a, int32_t b) {
            return value(a) != value(b) ? value(a) > value(b) : best[a].token < best[b].token;
        });
        std::fill(s.above.begin(), s.above.end(), 0);
        const float least = value(s.order[n_best - 1]);
        for (uint32_t token = 0; token < n_vocab; token++) {
            if (e[token] < least) {
                continue; // nearly all
            }
            const auto after = std::lower_bound(s.order.begin(), s.order.end(), token, [&](int32_t i, uint32_t) {
                return value(i) > e[token] || (value(i) == e[token] && best[i].token <= token);
            });
            s.above[after - s.order.begin()]++; // itself counts for those after it
        }
        int64_t n = 0;
        for (int32_t k = 0; k < n_best; k++) {
            n += s.above[k];
            out[2*s.order[k]]     = best[s.order[k]].token;
            out[2*s.order[k] + 1] = (uint32_t) (n + 1);
        }
    }
};

} // namespace

bool flash_head_records_make(flash_head_products * p, const flash_head_recorded & head, const flash_head_span & hidden,
        const std::function<void(double)> & progress, std::vector<uint32_t> * out, std::string * error) {
    const int64_t n_vocab = head.weight->info.n_rows;
    const int64_t size    = flash_head_record_size(n_vocab);
    out->resize(hidden.n*size);
    if (hidden.n == 0) {
        return true;
    }
    recorder r(p, head, hidden.n);
    for (int64_t begin = 0; begin < hidden.n; begin += r.n_states) {
        const flash_head_span x = { hidden.matrix, hidden.first + begin, std::min(r.n_states, hidden.n - begin) };
        r.estimate(x);
        if (!r.bad_estimates.none("estimates", error)) {
            return false;
        }
        for (int64_t first = 0; first < n_vocab; first += r.n_chunk) {
            const int64_t n = std::min(r.n_chunk, n_vocab - first);
            r.pass(x, first, n);
            progress((begin + (double) x.n*(first + n)/n_vocab)/hidden.n);
        }
        if (!r.bad_logits.none("logits", error)) {
            return false;
        }
        r.finish(x.n, size, out->data() + begin*size);
    }
    return true;
}
