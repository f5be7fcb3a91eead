#include "records.h"

#include "divergence.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

static const int64_t MAX_ESTIMATES = 64 << 20; // floats of estimates kept during a pass over the weight
static const int64_t MAX_STATES    = 1024;     // hidden states per pass
static const int64_t MAX_LOGITS    = 8 << 20;  // floats: dense logits at a time
static const int64_t SPAN_FLOATS   = 256*1024; // floats of rows of the weight that stay in a core's cache

namespace {

// The first hidden state with a value that is not finite, over all threads.
struct first_bad {
    std::atomic<int64_t> state{INT64_MAX};

    void add(int64_t i) {
        int64_t first = state;
        while (i < first && !state.compare_exchange_weak(first, i)) {
        }
    }
    void check_none(const char * what) const {
        if (state != INT64_MAX) {
            throw std::runtime_error(std::string("the ") + what + " of hidden state " + std::to_string(state.load())
                    + " are not finite");
        }
    }
};

// Makes records of several hidden states at a time, in two steps:
// 1. estimate all tokens and mark the exact ones;
// 2. pass over the weight's rows for dense logits, which give divergences.
// Both include the head's bias, because the distributions do.
struct recorder {
    flash_head_products       * p;
    const flash_head_recorded & head;
    const int64_t n_vocab = head.weight->info.n_rows;
    const int64_t n_span; // rows of the weight of a product
    const int64_t n_states;
    const int64_t n_chunk = std::max(n_span, MAX_LOGITS/n_states/n_span*n_span); // tokens of dense logits at a time

    flash_head_aligned_buffer estimates; // [n_states][n_vocab]
    flash_head_aligned_buffer logits;    // [spans of a chunk][n_states][tokens of the span]
    std::vector<flash_head_divergence> states;
    std::vector<flash_head_matrix>     rows; // of the weight, for each thread
    first_bad bad_estimates, bad_logits;

    recorder(flash_head_products * p, const flash_head_recorded & head, int64_t n_hidden)
        : p(p), head(head),
          n_span(std::max<int64_t>(16, SPAN_FLOATS/head.weight->info.n_cols/16*16)),
          n_states(std::min(n_hidden, std::max(FLASH_HEAD_ESTIMATOR_ROWS,
                  std::min(MAX_STATES, MAX_ESTIMATES/head.weight->info.n_rows)))),
          states(n_states), rows(flash_head_pool_n_threads(p->pool)) {
        estimates.resize(n_states*n_vocab*sizeof(float));
        logits   .resize(n_states*std::min(n_chunk, GGML_PAD(n_vocab, 16))*sizeof(float));
        for (flash_head_matrix & of_thread : rows) {
            flash_head_matrix_init(&of_thread, std::min(n_span, n_vocab), head.weight->info.n_cols);
        }
    }

    float * estimates_of(int64_t i) const { return (float *) estimates.data + i*n_vocab; }

    void estimate(const flash_head_span & x) {
        const int64_t n_rows = FLASH_HEAD_ESTIMATOR_ROWS;
        flash_head_pool_run(p->pool, (x.n + n_rows - 1)/n_rows, [&](int worker, int64_t task) {
            const int64_t begin = task*n_rows, n = std::min(n_rows, x.n - begin);
            flash_head_estimator_run(head.estimator, worker, { x.matrix, x.first + begin, n }, estimates_of(begin));
            for (int64_t i = begin; i < begin + n; i++) {
                start(i, x.first + i);
            }
        });
    }

    // Multiplies tokens first .. first + n - 1 with all hidden states, then goes through the logits state by state.
    void pass(const flash_head_span & x, int64_t first, int64_t n) {
        flash_head_pool_run(p->pool, (n + n_span - 1)/n_span, [&](int worker, int64_t span) {
            flash_head_matrix & own = rows[worker];
            const int64_t begin = span*n_span, n_rows = std::min(n_span, n - begin);
            for (int64_t i = 0; i < n_rows; i++) {
                head.weight->get(first + begin + i, own.row(i));
            }
            flash_head_multiply(p, worker, { &own, 0, n_rows }, x, (float *) logits.data + begin*x.n);
        });
        flash_head_pool_run(p->pool, x.n, [&](int, int64_t i) {
            for (int64_t begin = 0; begin < n; begin += n_span) {
                const int64_t n_tokens = std::min(n_span, n - begin), token = first + begin;
                float * dense = (float *) logits.data + begin*x.n + i*n_tokens;
                add_bias(dense, token, n_tokens);
                if (!all_finite(dense, n_tokens)) {
                    bad_logits.add(x.first + i);
                    return;
                }
                states[i].add(dense, estimates_of(i) + token, n_tokens, FLASH_HEAD_ESTIMATOR_EXACT, (uint32_t) token);
            }
        });
    }

    // out [n][FLASH_HEAD_RECORD_SIZE]
    void finish(int64_t n, uint32_t * out) const {
        for (int64_t i = 0; i < n; i++) {
            const float kld = (float) states[i].value();
            memcpy(out + i*FLASH_HEAD_RECORD_SIZE, &kld, sizeof(kld));
            out[i*FLASH_HEAD_RECORD_SIZE + 1] = states[i].best == states[i].dense_best;
        }
    }

private:
    static bool all_finite(const float * x, int64_t n) {
        bool finite = true;
        for (int64_t i = 0; i < n; i++) {
            finite = finite && std::isfinite(x[i]);
        }
        return finite;
    }

    // Adds the bias to n values from the given token on, except exact ones, which stand for dense logits.
    void add_bias(float * x, int64_t token, int64_t n) const {
        const std::vector<float> & bias = head.weight->bias;
        for (int64_t v = 0; v < n && !bias.empty(); v++) {
            x[v] += x[v] == FLASH_HEAD_ESTIMATOR_EXACT ? 0.0f : bias[token + v];
        }
    }

    void start(int64_t i, int64_t state) {
        add_bias(estimates_of(i), 0, n_vocab);
        if (!all_finite(estimates_of(i), n_vocab)) {
            bad_estimates.add(state);
        }
        states[i] = {};
    }
};

} // namespace

std::vector<uint32_t> flash_head_records_make(flash_head_products * p, const flash_head_recorded & head,
        const flash_head_span & hidden, const std::function<void(double)> & progress) {
    const int64_t n_vocab = head.weight->info.n_rows;
    std::vector<uint32_t> out(hidden.n*FLASH_HEAD_RECORD_SIZE);
    recorder r(p, head, hidden.n);
    for (int64_t begin = 0; begin < hidden.n; begin += r.n_states) {
        const flash_head_span x = { hidden.matrix, hidden.first + begin, std::min(r.n_states, hidden.n - begin) };
        r.estimate(x);
        r.bad_estimates.check_none("estimates");
        for (int64_t first = 0; first < n_vocab; first += r.n_chunk) {
            const int64_t n = std::min(r.n_chunk, n_vocab - first);
            r.pass(x, first, n);
            progress((begin + (double) x.n*(first + n)/n_vocab)/hidden.n);
        }
        r.bad_logits.check_none("logits");
        r.finish(x.n, out.data() + begin*FLASH_HEAD_RECORD_SIZE);
    }
    return out;
}
