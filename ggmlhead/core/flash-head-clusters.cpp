// Selection by clusters: the n_probe best of them, or drawn ones, are scored exactly, token by token.
//
// Each thread writes the logits of a contiguous range of tokens, so that no two threads write to one cache line.

#include "flash-head-draw.h"
#include "flash-head-work.h"

#include <algorithm>

// The selection for one row; every thread computes the same.
struct selection {
    flash_head_threshold threshold;
    const int32_t      * clusters;   // [n_selected] ascending
    int64_t              n_selected;

    bool has(const int32_t * keys, int64_t c) const {
        return flash_head_selected(threshold, keys[c], (int32_t) c);
    }
};

// ranks this thread's share of the clusters, for row r of the block
static void rank_clusters(const flash_head_call * call, const flash_head_work * w, int64_t r0, int64_t r) {
    const flash_head_params * params = call->params;
    const int64_t K      = call->head->n_cluster;
    const int64_t begin  = flash_head_share(K, call->thread.ith,     call->thread.nth, FLASH_HEAD_GROUP);
    const int64_t end    = flash_head_share(K, call->thread.ith + 1, call->thread.nth, FLASH_HEAD_GROUP);
    const float * scores = w->scores + r*flash_head_centroids_padded(K);
    int32_t     * keys   = w->keys   + r*K;

    if (params->mode == FLASH_HEAD_MODE_SAMPLE) {
        const uint64_t stream = flash_head_draw_stream(params->seed, call->row(r0 + r), call->head->n_embd);
        for (int64_t c = begin; c < end; c++) {
            keys[c] = flash_head_key(scores[c]/params->temperature + flash_head_draw_gumbel(stream, c));
        }
    } else {
        for (int64_t c = begin; c < end; c++) {
            keys[c] = flash_head_key(scores[c]);
        }
    }
}

static selection select(const flash_head * head, int64_t n_probe, const int32_t * keys, int32_t * list) {
    selection s;
    s.threshold  = flash_head_select(keys, head->n_cluster, n_probe);
    s.clusters   = list;
    s.n_selected = n_probe;

    int64_t n = 0;
    for (int32_t c = 0; n < n_probe; c++) {
        const int32_t key = keys[c];
        list[n] = c;
        // no branch, as in flash_head_select
        n += (key > s.threshold.key) | ((key == s.threshold.key) & (c <= s.threshold.index));
    }
    return s;
}

// Iterates over the tokens of a range of selected clusters: position in cluster order, and index among selected tokens.
struct places {
    const flash_head * head;
    const int32_t    * clusters;
    const int32_t    * clusters_end;
    int64_t pos, end; // of the present cluster

    places(const flash_head * head, const int32_t * begin, const int32_t * end)
        : head(head), clusters(begin), clusters_end(end), pos(0), end(0) {
        enter();
    }

    bool more() const { return clusters < clusters_end; }

    void next() {
        if (++pos == end) {
            clusters++;
            enter();
        }
    }

private:
    void enter() { // clusters are never empty
        if (more()) {
            pos = head->offsets[*clusters];
            end = head->offsets[*clusters + 1];
        }
    }
};

// Exact logits of this thread's share of the selected clusters, to exact [selected tokens], in cluster order.
static void score_selected(const flash_head * head, const selection & s, const char * act, float * exact, int ith,
        int nth) {
    const int32_t * begin = s.clusters + flash_head_share(s.n_selected, ith,     nth);
    const int32_t * end   = s.clusters + flash_head_share(s.n_selected, ith + 1, nth);
    for (const int32_t * c = s.clusters; c < begin; c++) {
        exact += head->offsets[*c + 1] - head->offsets[*c];
    }
    places ahead(head, begin, end);
    for (int64_t i = flash_head_rows_ahead(head); i > 0 && ahead.more(); i--, ahead.next()) {
        flash_head_prefetch(flash_head_row_at(head, ahead.pos), head->weight_dot.row_size);
    }
    for (places at(head, begin, end); at.more(); at.next()) {
        if (ahead.more()) {
            flash_head_prefetch(flash_head_row_at(head, ahead.pos), head->weight_dot.row_size);
            ahead.next();
        }
        flash_head_score_row(head, flash_head_row_at(head, at.pos), act, exact++);
    }
}

// first or second, without a branch that would be mispredicted half of the time
static float * choose(bool is_first, float * first, float * second) {
    const uintptr_t mask = (uintptr_t) 0 - is_first;
    return (float *) (((uintptr_t) first & mask) | ((uintptr_t) second & ~mask));
}

// Writes the logits of tokens v0 .. v1 - 1, exact or the centroid's score. Returns the number of exact ones.
static int64_t write_logits(const flash_head * head, const selection & s, const float * scores, const int32_t * keys,
        const float * exact,
        const char * act, int64_t v0, int64_t v1, float * logits) {
    for (int64_t v = v0; v < v1; v++) {
        logits[v] = scores[head->cluster[v]];
    }
    float nowhere;
    int64_t n = 0;
    for (int64_t i = 0; i < s.n_selected; i++) {
        if (i + 8 < s.n_selected) { // a line each that nobody has touched yet
            flash_head_prefetch((const char *) (head->tokens + head->offsets[s.clusters[i + 8]]), 1);
        }
        const int64_t begin = head->offsets[s.clusters[i]];
        const int64_t end   = head->offsets[s.clusters[i] + 1];
        for (int64_t pos = begin; pos < end; pos++) {
            const int64_t token = head->tokens[pos];
            const bool    ours  = (uint64_t) (token - v0) < (uint64_t) (v1 - v0);
            *choose(ours, logits + token, &nowhere) = *exact++;
            n += ours;
        }
    }
    const int32_t * pinned = std::lower_bound(head->pinned, head->pinned + head->n_pinned, (int32_t) v0);
    for (; pinned < head->pinned + head->n_pinned && *pinned < v1; pinned++) {
        if (!s.has(keys, head->cluster[*pinned])) {
            flash_head_score_row(head, flash_head_row_of(head, *pinned), act, logits + *pinned);
            n++;
        }
    }
    return n;
}

void flash_head_score_clusters(const flash_head_call * call, const flash_head_work * w, int64_t r0, int64_t n) {
    const flash_head        * head   = call->head;
    const flash_head_thread & thread = call->thread;

    const int64_t K  = head->n_cluster;
    const int64_t V  = head->n_vocab;
    const int64_t v0 = flash_head_share(V, thread.ith,     thread.nth, FLASH_HEAD_GROUP);
    const int64_t v1 = flash_head_share(V, thread.ith + 1, thread.nth, FLASH_HEAD_GROUP);

    for (int64_t r = 0; r < n; r++) {
        rank_clusters(call, w, r0, r);
    }
    call->watch->end(FLASH_HEAD_STAGE_SELECTION);
    call->wait();

    selection selections[FLASH_HEAD_BLOCK_ROWS];
    for (int64_t r = 0; r < n; r++) {
        // redundant on every thread, which saves a barrier
        selections[r] = select(head, call->params->n_probe, w->keys + r*K, w->list + r*K);
        call->watch->end(FLASH_HEAD_STAGE_SELECTION);
        score_selected(head, selections[r], w->acts_w + r*w->act_w, w->exact + r*V, thread.ith, thread.nth);
        call->watch->end(FLASH_HEAD_STAGE_ROWS);
    }
    call->wait();

    for (int64_t r = 0; r < n; r++) {
        const int64_t n_scored = write_logits(head, selections[r], w->scores + r*flash_head_centroids_padded(K),
                w->keys + r*K,
                w->exact + r*V, w->acts_w + r*w->act_w, v0, v1, call->out(r0 + r));
        if (thread.counts) {
            thread.counts->n_scored += n_scored;
        }
    }
    call->watch->end(FLASH_HEAD_STAGE_BACKGROUND);
}
