// Selection by tokens, for a head with a sketch: about as many tokens as n_probe clusters have are scored exactly, those with
// the best estimates, wherever they lie. All others keep their estimates.

#include "flash-head-work.h"

#include <math.h>

static const int64_t GROUP = FLASH_HEAD_SKETCH_GROUP;
static const int64_t AHEAD = 4; // rows fetched before they are needed

// The best estimates are told from the others by those of every so many tokens, of which this many should be among the
// best: to look at all of them takes longer than to score a few tokens more or less.
static const int64_t SAMPLED_BEST = 256;
static const int64_t MAX_STRIDE   = 16;

static int64_t stride_for(int64_t n_best) {
    const int64_t stride = n_best/SAMPLED_BEST;
    return stride < 1 ? 1 : stride > MAX_STRIDE ? MAX_STRIDE : stride;
}

// estimates of this thread's tokens, of whose clusters stage 1 left the scores; and the sample's part of them
static void estimate(const flash_head * head, const flash_head_work * w, const float * scores, const float * x, const flash_head_part & part, int64_t stride) {
    float * e = w->estimates;

    flash_head_code code;
    flash_head_sketch_encode(head->activations, head->rank, x, head->n_embd, &code);
    flash_head_sketch_estimate(head->sketch, head->rank, &code, part.begin, part.end, e + part.begin);
    for (int64_t c = part.k0; c < part.k1; c++) {
        for (int64_t pos = head->offsets[c]; pos < head->offsets[c + 1]; pos++) {
            e[pos] += scores[c];
        }
    }
    for (int64_t i = (part.begin + stride - 1)/stride; i*stride < part.end; i++) {
        w->sample[i] = flash_head_key(e[i*stride]);
    }
}

// this thread's places to be scored exactly, of begin .. end - 1: those estimated at `least` or more, and the pinned
static int32_t pick(const flash_head * head, const float * e, float least, int64_t begin, int64_t end, int32_t * list) {
    int32_t count = 0;
    for (int64_t pos = begin; pos < end; pos += GROUP) {
        const int64_t n = end - pos < GROUP ? end - pos : GROUP;
        if (n == GROUP) {
            int any = 0; // most groups have none
            for (int64_t t = 0; t < GROUP; t++) {
                any |= e[pos + t] >= least;
            }
            if (!any) {
                continue;
            }
        }
        for (int64_t t = 0; t < n; t++) {
            if (e[pos + t] >= least) {
                list[count++] = (int32_t) (pos + t);
            }
        }
    }
    for (int64_t i = 0; i < head->n_pinned; i++) {
        const int32_t pos = head->position[head->pinned[i]];
        if (pos >= begin && pos < end && !(e[pos] >= least)) {
            list[count++] = pos;
        }
    }
    return count;
}

// stage 2: this thread's share of all that was picked
static void score_picked(const flash_head * head, const flash_head_work * w, const char * act, float * logits, int ith, int nth) {
    int64_t n = 0;
    for (int t = 0; t < nth; t++) {
        n += w->place_counts[t];
    }
    int64_t skip = flash_head_share(n, ith, nth);
    int64_t left = flash_head_share(n, ith + 1, nth) - skip;
    for (int t = 0; t < nth && left > 0; t++) {
        const int32_t * list  = w->places + head->offsets[flash_head_share(head->n_cluster, t, nth)];
        const int64_t   count = w->place_counts[t];
        int64_t i = skip < count ? skip : count;
        skip -= i;
        for (; i < count && left > 0; i++, left--) {
            if (i + AHEAD < count) {
                flash_head_prefetch(flash_head_row_at(head, list[i + AHEAD]), head->weight_dot.row_size);
            }
            flash_head_score_at(head, list[i], act, logits);
        }
    }
}

void flash_head_score_tokens(const flash_head_call * call, const flash_head_work * w, int64_t r0, int64_t r) {
    const flash_head        * head   = call->head;
    const flash_head_thread & thread = call->thread;

    const flash_head_part part(head, thread);

    const int64_t K = head->n_cluster;
    const int64_t V = head->n_vocab;

    const int64_t n_best = (call->params->n_probe*V + K - 1)/K;
    const int64_t stride = stride_for(n_best);

    estimate(head, w, w->scores + r*K, call->row(r0 + r), part, stride);

    thread.barrier(thread.barrier_data);

    // all threads find the same, each for itself: no barrier to wait at
    const bool  all   = n_best >= V;
    const float least = all ? -INFINITY : flash_head_score(flash_head_nth_best(w->sample, (V + stride - 1)/stride, (n_best + stride - 1)/stride));
    w->place_counts[thread.ith] = pick(head, w->estimates, least, part.begin, part.end, w->places + part.begin);

    float * out = call->out(r0 + r);
    for (int64_t v = part.v0; v < part.v1; v++) {
        out[v] = w->estimates[head->position[v]];
    }

    thread.barrier(thread.barrier_data);

    score_picked(head, w, w->acts_w + r*w->act_w, out, thread.ith, thread.nth);
    if (thread.n_scored) {
        *thread.n_scored += w->place_counts[thread.ith];
    }
}
