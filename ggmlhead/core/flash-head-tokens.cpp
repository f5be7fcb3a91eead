// Selection by tokens, for a head with a sketch: about as many tokens as n_probe clusters have are scored exactly,
// those with the best estimates, wherever they lie. All others keep their estimates.
//
// Threads take chunks of tokens in turn, because the best tokens are often neighbours. The chunks are few: the cache
// lines at their ends move between cores, which costs more than a hundred estimates.

#include "flash-head-sample.h"
#include "flash-head-work.h"

#include <algorithm>
#include <math.h>

static const int64_t GROUP = FLASH_HEAD_GROUP;
// tokens whose part of the sketch stays in the cache for all rows
static const int64_t NEAR  = 4*GROUP;

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

// Estimates e[v] of tokens begin .. end - 1 for one row, from the clusters' scores; the maximum of each group; and the
// keys of those tokens that are in the sample.
static void estimate(const flash_head * head, const flash_head_code & code, const float * scores,
        const flash_head_sample & s,
        int64_t begin, int64_t end, float * e, float * best, int32_t * sample) {
    flash_head_sketch_estimate(head->sketch, head->rank, &code, head->cluster, scores, begin, end, e, best);
    for (int64_t i = begin/s.stride; i*s.stride < end; i++) {
        const int64_t v = flash_head_sample_token(s, i, head->n_vocab);
        if (v >= begin && v < end) {
            sample[i] = flash_head_key(e[v]);
        }
    }
}

// Lists the tokens of begin .. end - 1 to score exactly: estimated at `least` or more, or pinned.
static int32_t pick(const flash_head * head, const float * e, const float * best, float least, int64_t begin,
        int64_t end, int32_t * list) {
    int32_t count = 0;
    for (int64_t v = begin; v < end; v += GROUP) {
        if (best[v/GROUP] < least) {
            continue; // most groups have none
        }
        const int64_t n = std::min(GROUP, end - v);
        for (int64_t t = 0; t < n; t++) {
            if (e[v + t] >= least) {
                list[count++] = (int32_t) (v + t);
            }
        }
    }
    const int32_t * pinned = std::lower_bound(head->pinned, head->pinned + head->n_pinned, (int32_t) begin);
    for (; pinned < head->pinned + head->n_pinned && *pinned < end; pinned++) {
        if (!(e[*pinned] >= least)) {
            list[count++] = *pinned;
        }
    }
    return count;
}

static void score_picked(const flash_head * head, const int32_t * list, int64_t n, const char * act, float * logits) {
    const int64_t ahead = flash_head_rows_ahead(head);
    for (int64_t i = 0; i < std::min(ahead, n); i++) {
        flash_head_prefetch(flash_head_row_of(head, list[i]), head->weight_dot.row_size);
    }
    for (int64_t i = 0; i < n; i++) {
        if (i + ahead < n) {
            flash_head_prefetch(flash_head_row_of(head, list[i + ahead]), head->weight_dot.row_size);
        }
        flash_head_score_row(head, flash_head_row_of(head, list[i]), act, logits + list[i]);
    }
}

// this thread's share of the projections of n rows from r0 on
static void project(const flash_head_call * call, const flash_head_work * w, int64_t r0, int64_t n) {
    const flash_head * head = call->head;
    const int64_t n_parts = flash_head_sketch_n_parts(head->n_embd);
    for (int64_t part = call->thread.ith; part < n_parts; part += call->thread.nth) {
        for (int64_t r = 0; r < n; r++) {
            flash_head_sketch_project(head->projection, head->rank, call->row(r0 + r), head->n_embd, part,
                    w->parts + (r*n_parts + part)*head->rank);
        }
    }
}

void flash_head_score_tokens(const flash_head_call * call, const flash_head_work * w, int64_t r0, int64_t n) {
    const flash_head        * head   = call->head;
    const flash_head_thread & thread = call->thread;

    const int64_t K = head->n_cluster;
    const int64_t V = head->n_vocab;
    const int64_t n_parts  = flash_head_sketch_n_parts(head->n_embd);
    const int64_t n_groups = flash_head_sketch_n_groups(V);
    const int64_t n_wanted = (call->params->n_probe*V + K - 1)/K;

    const chunks            parts(V, thread.nth);
    const flash_head_sample s = flash_head_sample_of(V, n_wanted);

    project(call, w, r0, n);
    call->watch->end(FLASH_HEAD_STAGE_ESTIMATES);
    call->wait();

    flash_head_code codes[FLASH_HEAD_BLOCK_ROWS];
    for (int64_t r = 0; r < n; r++) {
        flash_head_sketch_round(w->parts + r*n_parts*head->rank, n_parts, head->rank, &codes[r]);
    }
    for (int64_t i = thread.ith; i < parts.n; i += thread.nth) {
        for (int64_t v = parts.begin(i); v < parts.end(i); v += NEAR) {
            const int64_t end = std::min(v + NEAR, parts.end(i));
            for (int64_t r = 0; r < n; r++) {
                estimate(head, codes[r], w->scores + r*flash_head_centroids_padded(K), s, v, end, call->out(r0 + r),
                        w->best + r*n_groups, w->sample + r*V);
            }
        }
    }
    call->watch->end(FLASH_HEAD_STAGE_ESTIMATES);
    call->wait();

    for (int64_t r = 0; r < n; r++) {
        // redundant on every thread, which saves a barrier
        float * out = call->out(r0 + r);
        const bool  all   = n_wanted >= V;
        const float least = all ? -INFINITY
                : flash_head_score_of_key(flash_head_nth_best(w->sample + r*V, s.size, s.n_best, s.slack));
        int64_t count = 0;
        for (int64_t i = thread.ith; i < parts.n; i += thread.nth) {
            count += pick(head, out, w->best + r*n_groups, least, parts.begin(i), parts.end(i), w->list + count);
        }
        call->watch->end(FLASH_HEAD_STAGE_SELECTION);

        score_picked(head, w->list, count, w->acts_w + r*w->act_w, out);
        call->watch->end(FLASH_HEAD_STAGE_ROWS);
        if (thread.counts) {
            thread.counts->n_scored += count;
        }
    }
}
