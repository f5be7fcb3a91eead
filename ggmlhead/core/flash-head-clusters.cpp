// Selection by clusters: the n_probe best of them, or drawn ones, are scored exactly, token by token.

#include "flash-head-draw.h"
#include "flash-head-work.h"

// what the clusters of this thread are ranked by, for row r of the block
static void rank_clusters(const flash_head_call * call, const flash_head_work * w, int64_t r0, int64_t r, const flash_head_part & part) {
    const flash_head_params * params = call->params;
    const int64_t K      = call->head->n_cluster;
    const float * scores = w->scores + r*K;
    uint32_t    * keys   = w->keys   + r*K;

    if (params->mode == FLASH_HEAD_MODE_SAMPLE) {
        const uint64_t stream = flash_head_draw_stream(params->seed, call->row(r0 + r), call->head->n_embd);
        for (int64_t c = part.k0; c < part.k1; c++) {
            keys[c] = flash_head_key(scores[c]/params->temperature + flash_head_draw_gumbel(stream, c));
        }
    } else {
        for (int64_t c = part.k0; c < part.k1; c++) {
            keys[c] = flash_head_key(scores[c]);
        }
    }
}

// exact logits of the tokens of cluster c; on the way the rows of cluster `next` (or none: -1) are fetched
static void score_cluster(const flash_head * head, int64_t c, int64_t next, const char * act, float * logits) {
    const int64_t begin = head->offsets[c];
    const int64_t end   = head->offsets[c + 1];

    const int64_t next_begin = next < 0 ? 0 : head->offsets[next];
    const int64_t next_end   = next < 0 ? 0 : head->offsets[next + 1];

    for (int64_t pos = begin; pos < end; pos++) {
        const int64_t ahead = next_begin + (pos - begin);
        if (ahead < next_end) {
            flash_head_prefetch(flash_head_row_at(head, ahead), head->weight_dot.row_size);
        }
        flash_head_score_at(head, pos, act, logits);
    }
}

// stage 2 for one row: this thread's share of the selected clusters, in ascending order, and of the pinned tokens
static void score_selected(
        const flash_head * head, const flash_head_work * w, int64_t r, int64_t n_probe,
        flash_head_threshold threshold, const char * act, float * logits, int ith, int nth) {
    const int64_t   K      = head->n_cluster;
    const int32_t * counts = w->counts + r*nth;

    int64_t left = flash_head_share(n_probe, ith + 1, nth) - flash_head_share(n_probe, ith, nth);
    int64_t skip = flash_head_share(n_probe, ith,     nth);

    int64_t c = -1; // the cluster to score once the one after it is known
    for (int t = 0; t < nth && left > 0; t++) {
        const int32_t * list = w->picked + r*K + flash_head_share(K, t, nth);
        int64_t i = skip < counts[t] ? skip : counts[t];
        skip -= i;
        for (; i < counts[t] && left > 0; i++, left--) {
            if (c >= 0) {
                score_cluster(head, c, list[i], act, logits);
            }
            c = list[i];
        }
    }
    if (c >= 0) {
        score_cluster(head, c, -1, act, logits);
    }

    for (int64_t i = flash_head_share(head->n_pinned, ith, nth); i < flash_head_share(head->n_pinned, ith + 1, nth); i++) {
        const int32_t token = head->pinned[i];
        const int32_t own   = head->cluster[token];
        if (!flash_head_selected(threshold, w->keys[r*K + own], own)) {
            flash_head_score_at(head, head->position[token], act, logits);
        }
    }
}

// how many tokens of one row are scored exactly: in the clusters that this thread picked, and of its share of the pinned
static int64_t count_scored(const flash_head * head, const flash_head_work * w, int64_t r, flash_head_threshold threshold, int ith, int nth) {
    const int64_t   K    = head->n_cluster;
    const int32_t * list = w->picked + r*K + flash_head_share(K, ith, nth);

    int64_t n = 0;
    for (int32_t i = 0; i < w->counts[r*nth + ith]; i++) {
        n += head->offsets[list[i] + 1] - head->offsets[list[i]];
    }
    for (int64_t i = flash_head_share(head->n_pinned, ith, nth); i < flash_head_share(head->n_pinned, ith + 1, nth); i++) {
        const int32_t own = head->cluster[head->pinned[i]];
        n += !flash_head_selected(threshold, w->keys[r*K + own], own);
    }
    return n;
}

void flash_head_score_clusters(const flash_head_call * call, const flash_head_work * w, int64_t r0, int64_t n) {
    const flash_head        * head   = call->head;
    const flash_head_thread & thread = call->thread;

    const flash_head_part part(head, thread);

    const int64_t K   = head->n_cluster;
    const int     ith = thread.ith;
    const int     nth = thread.nth;

    for (int64_t r = 0; r < n; r++) {
        rank_clusters(call, w, r0, r, part);
    }

    thread.barrier(thread.barrier_data);

    flash_head_threshold thresholds[FLASH_HEAD_MAX_BLOCK];
    for (int64_t r = 0; r < n; r++) {
        const uint32_t * keys   = w->keys   + r*K;
        const float    * scores = w->scores + r*K;
        float          * out    = call->out(r0 + r);

        // all threads find the same threshold, each for itself: no barrier to wait at
        thresholds[r] = flash_head_select(keys, K, call->params->n_probe, w->scratch);

        int32_t * list = w->picked + r*K + part.k0;
        int32_t count = 0;
        for (int64_t c = part.k0; c < part.k1; c++) {
            if (flash_head_selected(thresholds[r], keys[c], (int32_t) c)) {
                list[count++] = (int32_t) c;
            }
        }
        w->counts[r*nth + ith] = count;

        for (int64_t v = part.v0; v < part.v1; v++) {
            out[v] = scores[head->cluster[v]];
        }
    }

    thread.barrier(thread.barrier_data);

    for (int64_t r = 0; r < n; r++) {
        score_selected(head, w, r, call->params->n_probe, thresholds[r], w->acts_w + r*w->act_w, call->out(r0 + r), ith, nth);
    }
    if (thread.n_scored) {
        for (int64_t r = 0; r < n; r++) {
            *thread.n_scored += count_scored(head, w, r, thresholds[r], ith, nth);
        }
    }
}
