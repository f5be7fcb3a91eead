// Selection by tokens, for a head with a sketch: as many tokens as the n_probe clusters would have are scored exactly,
// those with the best estimates, wherever they lie. All others keep their estimates.

#include "flash-head-work.h"

#include <math.h>
#include <string.h>

static const int BINS   = FLASH_HEAD_BINS;
static const int GROUP  = FLASH_HEAD_SKETCH_GROUP;
static const int AHEAD  = 4; // rows fetched before they are needed

// The range of all estimates in equal parts.
struct bin_scale {
    float least;
    float per_unit; // bins for 1 of logit; 0 if the range is empty, not finite, or unknown
};

static inline int32_t bin_of(bin_scale s, float estimate) {
    const float f = (estimate - s.least)*s.per_unit;
    return f > 0.0f ? f < BINS - 1 ? (int32_t) f : BINS - 1 : 0; // NaN is in 0
}

// estimates of the tokens of clusters k0 .. k1 - 1, of which stage 1 left the scores; and their limits
static void estimate(const flash_head * head, const flash_head_work * w, const float * scores, const float * x, int64_t k0, int64_t k1, float * limits) {
    const int64_t begin = head->offsets[k0], end = head->offsets[k1];
    float * e = w->estimates;

    flash_head_code code;
    flash_head_sketch_encode(head->activations, head->rank, x, head->n_embd, &code);
    flash_head_sketch_estimate(head->sketch, head->rank, &code, begin, end, e + begin);
    for (int64_t c = k0; c < k1; c++) {
        for (int64_t pos = head->offsets[c]; pos < head->offsets[c + 1]; pos++) {
            e[pos] += scores[c];
        }
    }

    // side by side, so that it vectorises
    float least[GROUP], most[GROUP];
    for (int t = 0; t < GROUP; t++) {
        least[t] =  INFINITY;
        most [t] = -INFINITY;
    }
    int64_t pos = begin;
    for (; pos + GROUP <= end; pos += GROUP) {
        for (int t = 0; t < GROUP; t++) {
            least[t] = e[pos + t] < least[t] ? e[pos + t] : least[t];
            most [t] = e[pos + t] > most [t] ? e[pos + t] : most [t];
        }
    }
    for (; pos < end; pos++) {
        least[0] = e[pos] < least[0] ? e[pos] : least[0];
        most [0] = e[pos] > most [0] ? e[pos] : most [0];
    }
    for (int t = 1; t < GROUP; t++) {
        least[0] = least[t] < least[0] ? least[t] : least[0];
        most [0] = most [t] > most [0] ? most [t] : most [0];
    }
    limits[0] = least[0];
    limits[1] = most [0];
}

static bin_scale scale_of(const float * limits, int nth) {
    float least = limits[0], most = limits[1];
    for (int i = 1; i < nth; i++) {
        least = limits[2*i]     < least ? limits[2*i]     : least;
        most  = limits[2*i + 1] > most  ? limits[2*i + 1] : most;
    }
    const float range = most - least;
    return { least, range > 0.0f && isfinite(range) ? (BINS - 1)/range : 0.0f };
}

// the lowest bin to be scored exactly: together with those above it, it holds at least n tokens
static int32_t find_bin(const uint32_t * bins, int nth, int64_t n) {
    for (int32_t bin = BINS - 1; bin > 0; bin--) {
        for (int i = 0; i < nth; i++) {
            n -= bins[i*BINS + bin];
        }
        if (n <= 0) {
            return bin;
        }
    }
    return 0;
}

// this thread's places to be scored exactly, of begin .. end - 1: the best, and the pinned
static int32_t pick(const flash_head * head, const float * e, bin_scale scale, int32_t lowest, int64_t begin, int64_t end, int32_t * list) {
    int32_t count = 0;
    for (int64_t pos = begin; pos < end; pos++) {
        list[count] = (int32_t) pos; // no branch: few are kept, in no order that a processor could foresee
        count += bin_of(scale, e[pos]) >= lowest;
        if (count == end - begin) {
            return count;
        }
    }
    for (int64_t i = 0; i < head->n_pinned; i++) {
        const int32_t pos = head->position[head->pinned[i]];
        if (pos >= begin && pos < end && bin_of(scale, e[pos]) < lowest) {
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

    const int64_t K   = head->n_cluster;
    const int64_t V   = head->n_vocab;
    const int     ith = thread.ith;
    const int     nth = thread.nth;
    const int64_t k0  = flash_head_share(K, ith, nth), k1 = flash_head_share(K, ith + 1, nth);
    const int64_t begin = head->offsets[k0], end = head->offsets[k1];

    const int64_t n_exact = (call->params->n_probe*V + K - 1)/K;

    estimate(head, w, w->scores + r*K, call->row(r0 + r), k0, k1, w->limits + 2*ith);

    thread.barrier(thread.barrier_data);

    const bin_scale scale = scale_of(w->limits, nth);
    uint32_t * bins = w->bins + ith*BINS;
    memset(bins, 0, BINS*sizeof(*bins));
    for (int64_t pos = begin; pos < end; pos++) {
        bins[bin_of(scale, w->estimates[pos])]++;
    }

    thread.barrier(thread.barrier_data);

    const int32_t lowest = n_exact < V ? find_bin(w->bins, nth, n_exact) : 0;
    w->place_counts[ith] = pick(head, w->estimates, scale, lowest, begin, end, w->places + begin);

    float * out = call->out(r0 + r);
    for (int64_t v = flash_head_share(V, ith, nth); v < flash_head_share(V, ith + 1, nth); v++) {
        out[v] = w->estimates[head->position[v]];
    }

    thread.barrier(thread.barrier_data);

    score_picked(head, w, w->acts_w + r*w->act_w, out, ith, nth);
    if (thread.n_scored) {
        *thread.n_scored += w->place_counts[ith];
    }
}
