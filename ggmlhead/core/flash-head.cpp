#include "flash-head-work.h"

static size_t align64(size_t n) {
    return (n + 63) & ~(size_t) 63;
}

// Hands out pieces of work memory; with no memory it counts them.
struct allotter {
    char * base;
    size_t used = 0;

    template <typename T> T * take(int64_t n) {
        T * p = base ? (T *) (base + used) : nullptr;
        used += align64(n*sizeof(T));
        return p;
    }
};

static int64_t block_rows(int64_t n_rows) {
    return n_rows < FLASH_HEAD_MAX_BLOCK ? n_rows : FLASH_HEAD_MAX_BLOCK;
}

// Lays out the work memory for blocks of so many rows, as thread ith of nth sees it in block i_block. Returns its size.
static size_t lay_out(const flash_head * head, char * base, int64_t block, int64_t i_block, int ith, int nth, flash_head_work * w) {
    const int64_t K = head->n_cluster;
    allotter a = { base };

    for (int64_t i = 0; i < 2; i++) {
        float    * scores = a.take<float   >(block*K);
        uint32_t * keys   = a.take<uint32_t>(block*K);
        int32_t  * picked = a.take<int32_t >(block*K);
        int32_t  * counts = a.take<int32_t >(block*nth);
        if (i == (i_block & 1)) {
            w->scores = scores;
            w->keys   = keys;
            w->picked = picked;
            w->counts = counts;
        }
    }
    if (head->rank > 0) {
        w->estimates    = a.take<float   >(head->n_vocab);
        w->sample       = a.take<uint32_t>(head->n_vocab);
        w->places       = a.take<int32_t >(head->n_vocab);
        w->place_counts = a.take<int32_t >(nth);
    }
    w->act_w = align64(head->weight_dot.act_size);
    w->act_c = align64(head->centroid_dot.act_size);
    for (int i = 0; i < nth; i++) {
        char * acts_w = a.take<char>(block*w->act_w);
        char * acts_c = a.take<char>(block*w->act_c);
        flash_head_candidate * scratch = a.take<flash_head_candidate>(K);
        if (i == ith) {
            w->acts_w  = acts_w;
            w->acts_c  = acts_c;
            w->scratch = scratch;
        }
    }
    return a.used;
}

size_t flash_head_work_size(const flash_head * head, int64_t n_rows, int n_threads) {
    flash_head_work w;
    return 64 + lay_out(head, nullptr, block_rows(n_rows), 0, 0, n_threads, &w);
}

// quantises the n rows from r0 on and scores this thread's share of the centroids
static void score_centroids(const flash_head_call * call, const flash_head_work * w, int64_t r0, int64_t n) {
    const flash_head     * head = call->head;
    const flash_head_dot * wd   = &head->weight_dot;
    const flash_head_dot * cd   = &head->centroid_dot;

    const flash_head_part part(head, call->thread);

    const int64_t D = head->n_embd;
    const int64_t K = head->n_cluster;

    // every thread quantises for itself: it costs less than a barrier
    for (int64_t r = 0; r < n; r++) {
        wd->from_float(call->row(r0 + r), w->acts_w + r*w->act_w, D);
        cd->from_float(call->row(r0 + r), w->acts_c + r*w->act_c, D);
    }
    for (int64_t c = part.k0; c < part.k1; c++) {
        const char * centroid = (const char *) head->centroids + c*cd->row_size;
        for (int64_t r = 0; r < n; r++) {
            cd->vec_dot((int) D, w->scores + r*K + c, 0, centroid, 0, w->acts_c + r*w->act_c, 0, 1);
        }
    }
}

void flash_head_compute(
        const struct flash_head        * head,
        const struct flash_head_params * params,
        const float * x,      size_t stride_x,
              float * logits, size_t stride_logits,
        int64_t       n_rows,
        void        * work,
        struct flash_head_thread thread) {
    const flash_head_call call = { head, params, thread, (const char *) x, stride_x, (char *) logits, stride_logits };

    char * base = (char *) (((uintptr_t) work + 63) & ~(uintptr_t) 63);
    const int64_t block = block_rows(n_rows);

    for (int64_t r0 = 0, i_block = 0; r0 < n_rows; r0 += block, i_block++) {
        const int64_t n = n_rows - r0 < block ? n_rows - r0 : block;
        flash_head_work w;
        lay_out(head, base, block, i_block, thread.ith, thread.nth, &w);

        score_centroids(&call, &w, r0, n);
        if (!flash_head_by_tokens(head, params)) {
            flash_head_score_clusters(&call, &w, r0, n);
            continue;
        }
        for (int64_t r = 0; r < n; r++) {
            flash_head_score_tokens(&call, &w, r0, r);
        }
    }
}
