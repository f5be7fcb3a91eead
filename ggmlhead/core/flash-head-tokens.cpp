// Selection by tokens, for a head with codes: the fine codes of the n_near tokens with the best coarse estimates are
// read, and about as many tokens as n_probe clusters have are scored exactly, those with the best estimates, wherever
// they lie. All others keep their estimates. Where these would cost more than the tolerance, more tokens are read and
// scored (flash-head-mass.h).
//
// Threads take chunks of tokens in turn, because the best tokens are often neighbours. The chunks are few: the cache
// lines at their ends move between cores, which costs more than a hundred estimates.

#include "flash-head-sample.h"
#include "flash-head-work.h"

#include <algorithm>
#include <float.h>
#include <math.h>

// tokens whose coarse codes stay in the cache for all rows
static const int64_t NEAR = 4*FLASH_HEAD_COARSE_GROUP;
static_assert(NEAR % FLASH_HEAD_MASS_BLOCK == 0, "chunks are whole blocks");

namespace {

// chunk i of tokens, for thread ith of nth: i = ith, ith + nth, ...; a multiple of NEAR long
struct chunks {
    int64_t n_vocab, size, n;

    chunks(int64_t n_vocab, int nth) : n_vocab(n_vocab) {
        size = std::max(n_vocab/(4*nth)/NEAR*NEAR, NEAR);
        n    = (n_vocab + size - 1)/size;
    }
    int64_t begin(int64_t i) const { return i*size; }
    int64_t end  (int64_t i) const { return std::min(n_vocab, (i + 1)*size); }
};

// A number of best tokens, and what tells their least estimate: keys of a sample, and masses if there is a tolerance.
struct best_tokens {
    int64_t              n;
    flash_head_allowance others; // what the other tokens' estimates may cost; a tolerance of 0: any
    bool                 all;
    flash_head_sample    sample;
    int32_t            * keys;   // [block][V]
    flash_head_mass    * masses; // [block][blocks of tokens]

    best_tokens(int64_t n_vocab, int64_t n, flash_head_allowance others, int32_t * keys, flash_head_mass * masses)
        : n(n), others(others), all(n >= n_vocab),
          sample(flash_head_sample_of(n_vocab, std::max<int64_t>(n, 1))), keys(keys), masses(masses) {}

    // whether more may be chosen than n
    bool weighs() const { return others.tolerance > 0.0f && !all && n > 0; }

    // Keeps what is needed of tokens begin .. end - 1. e [V]: estimates of row r.
    void observe(int64_t r, int64_t n_vocab, const float * e, int64_t begin, int64_t end) const {
        const int64_t block = FLASH_HEAD_MASS_BLOCK;
        for (int64_t v = begin; v < end && weighs(); v += block) {
            masses[r*flash_head_n_masses(n_vocab) + v/block] = flash_head_mass_of(e + v, std::min(block, end - v));
        }
        for (int64_t i = begin/sample.stride; i*sample.stride < end; i++) {
            const int64_t v = flash_head_sample_token(sample, i, n_vocab);
            if (v >= begin && v < end) {
                keys[r*n_vocab + i] = flash_head_key(e[v]);
            }
        }
    }

    // The least estimate of row r's best tokens, about: of n, or of more if the others, from `from` on, would cost more
    // than the tolerance with estimates whose squared error is expected to be `error`. All must have been observed.
    float least(int64_t r, int64_t n_vocab, float from, float error) const {
        if (all || n == 0) {
            return all ? -INFINITY : INFINITY;
        }
        const int32_t * k     = keys + r*n_vocab;
        const float     least = flash_head_score_of_key(
                flash_head_nth_best(k, sample.size, sample.n_best, sample.slack));
        const float     share = flash_head_allowed_share(others, error);
        if (!weighs() || !(share < 1.0f)) {
            return least;
        }
        const int64_t n_masses = flash_head_n_masses(n_vocab);
        return std::min(least, flash_head_least_of_mass(k, sample,
                flash_head_mass_total(masses + r*n_masses, n_masses), from, share));
    }
};

// One call, as one thread sees it.
struct token_call {
    const flash_head_call * call;
    const flash_head_work * w;
    const flash_head      * head;
    int64_t                 V;
    chunks                  parts;
    best_tokens             near, exact;
    flash_head_query        queries[FLASH_HEAD_BLOCK_ROWS];
    float                   nearest[FLASH_HEAD_BLOCK_ROWS]; // the least coarse estimate of those with a fine one

    token_call(const flash_head_call * call, const flash_head_work * w, int64_t n)
        : call(call), w(w), head(call->head), V(head->n_vocab), parts(V, call->thread.nth),
          near (V, flash_head_least_near(call->params->n_near, n_exact(call)),
                  flash_head_allowance_of_far(call->params->tolerance), w->sample, w->masses),
          exact(V, n_exact(call), flash_head_allowance_of_near(call->params->tolerance), w->sample + n*V,
                  w->masses + n*flash_head_n_masses(V)) {}

    static int64_t n_exact(const flash_head_call * call) {
        return flash_head_least_exact(call->params->n_probe, call->head->n_vocab, call->head->n_cluster);
    }

    int8_t * slots(int64_t r) const { return w->slots + r*flash_head_fine_max_slots(head->codes.fine_bytes); }

    // visit(begin, end) for this thread's chunks
    template <typename F> void each(const F & visit) const {
        for (int64_t i = call->thread.ith; i < parts.n; i += call->thread.nth) {
            visit(parts.begin(i), parts.end(i));
        }
    }

    // Tokens are chosen as with the bias, so estimates have it until they are. One that is not finite counts as 0: it
    // would not come off again, and the host adds it anyway.
    void add_bias(float * e, int64_t begin, int64_t end, float sign) const {
        const float * bias = head->bias;
        for (int64_t v = begin; v < end; v++) {
            e[v] += fabsf(bias[v]) <= FLT_MAX ? sign*bias[v] : 0.0f;
        }
    }

    // lists this thread's tokens that are estimated at `least` or more
    int64_t pick(const float * e, float least) const {
        const auto reach = flash_head_code_kernels_here()->reach;
        int64_t n = 0;
        each([&](int64_t begin, int64_t end) {
            n += reach(e, begin, end, least, w->list + n);
        });
        return n;
    }
};

} // namespace

// this thread's share of the projections of n rows from r0 on
static void project(const flash_head_call * call, const flash_head_work * w, int64_t r0, int64_t n) {
    const flash_head * head   = call->head;
    const int64_t n_parts     = flash_head_n_parts(head->n_embd);
    const int64_t n_projected = head->codes.n_directions + 2;
    for (int64_t part = call->thread.ith; part < n_parts; part += call->thread.nth) {
        for (int64_t r = 0; r < n; r++) {
            flash_head_project_part(&head->codes, call->row(r0 + r), head->n_embd, part,
                    w->parts + (r*n_parts + part)*n_projected);
        }
    }
}

static void estimate_coarsely(token_call & c, int64_t r0, int64_t n) {
    const flash_head * head   = c.head;
    const int64_t n_projected = flash_head_n_parts(head->n_embd)*(head->codes.n_directions + 2);
    for (int64_t r = 0; r < n; r++) { // redundant on every thread, which saves a barrier
        flash_head_query_prepare(&head->codes, c.call->row(r0 + r), head->n_embd, c.w->parts + r*n_projected,
                &c.queries[r], c.slots(r));
    }
    c.each([&](int64_t begin, int64_t end) {
        for (int64_t v = begin; v < end; v += NEAR) {
            for (int64_t r = 0; r < n; r++) {
                flash_head_coarse_estimate(&head->codes, &c.queries[r], head->cluster,
                        c.w->scores + r*flash_head_centroids_padded(head->n_cluster), v, std::min(v + NEAR, end),
                        c.call->out(r0 + r));
                if (head->bias) {
                    c.add_bias(c.call->out(r0 + r), v, std::min(v + NEAR, end), 1.0f);
                }
            }
        }
        for (int64_t r = 0; r < n; r++) {
            c.near.observe(r, c.V, c.call->out(r0 + r), begin, end);
        }
    });
}

static void estimate_finely(token_call & c, int64_t r0, int64_t n) {
    for (int64_t r = 0; r < n; r++) {
        float * e = c.call->out(r0 + r);
        c.nearest[r] = c.near.least(r, c.V, -INFINITY, c.queries[r].errors[0]);
        const int64_t count = c.pick(e, c.nearest[r]);
        c.call->watch->end(FLASH_HEAD_STAGE_SELECTION);

        flash_head_fine_estimate(&c.head->codes, &c.queries[r], c.slots(r), c.V, c.w->list, count, e);
        c.each([&](int64_t begin, int64_t end) {
            c.exact.observe(r, c.V, e, begin, end);
        });
        c.call->watch->end(FLASH_HEAD_STAGE_ESTIMATES);
        if (c.call->thread.counts) {
            c.call->thread.counts->n_near += count;
        }
    }
}

// Adds this thread's pinned tokens that are not in the list, because they are estimated at less than least.
static int64_t pick_pinned(const token_call & c, const float * e, float least, int64_t n) {
    const int32_t * pinned = c.head->pinned, * pinned_end = pinned + c.head->n_pinned;
    c.each([&](int64_t begin, int64_t end) {
        for (const int32_t * p = std::lower_bound(pinned, pinned_end, (int32_t) begin); p < pinned_end && *p < end;
                p++) {
            if (!(e[*p] >= least)) {
                c.w->list[n++] = *p;
            }
        }
    });
    return n;
}

static void score_exactly(const token_call & c, int64_t r0, int64_t n) {
    const flash_head * head  = c.head;
    const int64_t      ahead = flash_head_rows_ahead(head);
    for (int64_t r = 0; r < n; r++) {
        float * out = c.call->out(r0 + r);
        const float   least = c.exact.least(r, c.V, c.nearest[r], c.queries[r].errors[1]);
        const int64_t count = pick_pinned(c, out, least, c.pick(out, least));
        c.call->watch->end(FLASH_HEAD_STAGE_SELECTION);
        if (head->bias) {
            c.each([&](int64_t begin, int64_t end) { c.add_bias(out, begin, end, -1.0f); });
        }

        const char * act = c.w->acts_w + r*c.w->act_w;
        auto row = [&](int64_t i) { return flash_head_row_of(head, c.w->list[i]); };
        flash_head_each_ahead(count, ahead,
            [&](int64_t i) { flash_head_prefetch(row(i), head->weight_dot.row_size); },
            [&](int64_t i) { flash_head_score_row(head, row(i), act, out + c.w->list[i]); });
        c.call->watch->end(FLASH_HEAD_STAGE_ROWS);
        if (c.call->thread.counts) {
            c.call->thread.counts->n_scored += count;
        }
    }
}

void flash_head_score_tokens(const flash_head_call * call, const flash_head_work * w, int64_t r0, int64_t n) {
    token_call c(call, w, n);
    project(call, w, r0, n);
    call->watch->end(FLASH_HEAD_STAGE_ESTIMATES);
    call->wait();

    estimate_coarsely(c, r0, n);
    call->watch->end(FLASH_HEAD_STAGE_ESTIMATES);
    call->wait();

    estimate_finely(c, r0, n);
    call->wait();

    score_exactly(c, r0, n);
}
