#include "flash-head.h"
#include "flash-head-draw.h"
#include "flash-head-select.h"

#include <string.h>

static size_t align64(size_t n) {
    return (n + 63) & ~(size_t) 63;
}

// Work memory. Scores, keys and selections are kept twice: a block of rows may start while a slower thread still
// finishes the one before.
struct flash_head_work {
    float    * scores; // [block][K]
    uint32_t * keys;   // [block][K]: what the clusters are ranked by
    int32_t  * picked; // [block][K]: selected clusters; thread i's begin at the start of its slice of K
    int32_t  * counts; // [block][nth]: how many each thread picked
    char     * act;    // this thread's quantised activations, weight's type then centroids' type, [block] each
    flash_head_candidate * scratch; // this thread's, [K]
};

static size_t work_shared_size(int64_t n_cluster, int64_t block, int nth) {
    return align64(block * n_cluster * sizeof(float))
         + align64(block * n_cluster * sizeof(uint32_t))
         + align64(block * n_cluster * sizeof(int32_t))
         + align64(block * nth       * sizeof(int32_t));
}

static size_t work_private_size(int64_t n_cluster, size_t act_size_weight, size_t act_size_centroid, int64_t block) {
    return align64(block * align64(act_size_weight))
         + align64(block * align64(act_size_centroid))
         + align64(n_cluster * sizeof(flash_head_candidate));
}

static int64_t block_rows(int64_t n_rows) {
    return n_rows < FLASH_HEAD_MAX_BLOCK ? n_rows : FLASH_HEAD_MAX_BLOCK;
}

size_t flash_head_work_size(int64_t n_cluster, size_t act_size_weight, size_t act_size_centroid, int64_t n_rows, int n_threads) {
    const int64_t block = block_rows(n_rows);
    return 64 + 2*work_shared_size(n_cluster, block, n_threads)
              + n_threads*work_private_size(n_cluster, act_size_weight, act_size_centroid, block);
}

static struct flash_head_work work_layout(const struct flash_head * head, void * base, int64_t block, int64_t i_block, int ith, int nth) {
    const int64_t K = head->n_cluster;

    struct flash_head_work w;
    char * shared = (char *) (((uintptr_t) base + 63) & ~(uintptr_t) 63);
    char * p = shared + (i_block & 1)*work_shared_size(K, block, nth);

    w.scores = (float    *) p; p += align64(block*K  *sizeof(float));
    w.keys   = (uint32_t *) p; p += align64(block*K  *sizeof(uint32_t));
    w.picked = (int32_t  *) p; p += align64(block*K  *sizeof(int32_t));
    w.counts = (int32_t  *) p;

    p = shared + 2*work_shared_size(K, block, nth)
               + ith*work_private_size(K, head->weight_dot.act_size, head->centroid_dot.act_size, block);
    w.act     = p;
    w.scratch = (flash_head_candidate *) (p + align64(block*align64(head->weight_dot.act_size)) + align64(block*align64(head->centroid_dot.act_size)));
    return w;
}

// Start of thread i's share of n items.
static int64_t share(int64_t n, int i, int nth) {
    return n*i/nth;
}

static inline void prefetch(const char * p, size_t size) {
#if defined(__GNUC__)
    for (size_t i = 0; i < size; i += 64) {
        __builtin_prefetch(p + i, 0, 3);
    }
#else
    (void) p; (void) size;
#endif
}

static inline const char * row_at(const struct flash_head * head, int64_t pos) {
    return head->ordered ? (const char *) head->ordered + pos               *head->weight_dot.row_size
                         : (const char *) head->weight  + head->tokens[pos]*head->weight_dot.row_size;
}

// where token's row lies in the order of the clusters; a cluster is short, so looking through it costs little
static int64_t position_of(const struct flash_head * head, int32_t token) {
    int64_t pos = head->offsets[head->cluster[token]];
    while (head->tokens[pos] != token) {
        pos++;
    }
    return pos;
}

// exact logits of the tokens of cluster c; on the way the rows of cluster `next` (or none: -1) are fetched
static void score_cluster(const struct flash_head * head, int64_t c, int64_t next, const char * act, float * logits) {
    const int64_t begin = head->offsets[c];
    const int64_t end   = head->offsets[c + 1];

    const int64_t next_begin = next < 0 ? 0 : head->offsets[next];
    const int64_t next_end   = next < 0 ? 0 : head->offsets[next + 1];

    for (int64_t pos = begin; pos < end; pos++) {
        const int64_t ahead = next_begin + (pos - begin);
        if (ahead < next_end) {
            prefetch(row_at(head, ahead), head->weight_dot.row_size);
        }
        head->weight_dot.vec_dot((int) head->n_embd, logits + head->tokens[pos], 0, row_at(head, pos), 0, act, 0, 1);
    }
}

// stage 2 for one row: this thread's share of the selected clusters, in ascending order, and of the pinned tokens
static void score_selected(
        const struct flash_head * head, const struct flash_head_work * w, int64_t r, int64_t n_probe,
        struct flash_head_threshold threshold, const char * act, float * logits, int ith, int nth) {
    const int64_t   K      = head->n_cluster;
    const int32_t * counts = w->counts + r*nth;

    int64_t left = share(n_probe, ith + 1, nth) - share(n_probe, ith, nth);
    int64_t skip = share(n_probe, ith,     nth);

    int64_t c = -1; // the cluster to score once the one after it is known
    for (int t = 0; t < nth && left > 0; t++) {
        const int32_t * list = w->picked + r*K + share(K, t, nth);
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

    for (int64_t i = share(head->n_pinned, ith, nth); i < share(head->n_pinned, ith + 1, nth); i++) {
        const int32_t token = head->pinned[i];
        const int32_t own   = head->cluster[token];
        if (!flash_head_selected(threshold, w->keys[r*K + own], own)) {
            head->weight_dot.vec_dot((int) head->n_embd, logits + token, 0, row_at(head, position_of(head, token)), 0, act, 0, 1);
        }
    }
}

// how many tokens of one row are scored exactly: in the clusters that this thread picked, and of its share of the pinned
static int64_t count_scored(
        const struct flash_head * head, const struct flash_head_work * w, int64_t r, struct flash_head_threshold threshold, int ith, int nth) {
    const int64_t   K    = head->n_cluster;
    const int32_t * list = w->picked + r*K + share(K, ith, nth);

    int64_t n = 0;
    for (int32_t i = 0; i < w->counts[r*nth + ith]; i++) {
        n += head->offsets[list[i] + 1] - head->offsets[list[i]];
    }
    for (int64_t i = share(head->n_pinned, ith, nth); i < share(head->n_pinned, ith + 1, nth); i++) {
        const int32_t own = head->cluster[head->pinned[i]];
        n += !flash_head_selected(threshold, w->keys[r*K + own], own);
    }
    return n;
}

void flash_head_compute(
        const struct flash_head        * head,
        const struct flash_head_params * params,
        const float * x,      size_t stride_x,
              float * logits, size_t stride_logits,
        int64_t       n_rows,
        void        * work,
        struct flash_head_thread thread) {
    const int64_t D   = head->n_embd;
    const int64_t K   = head->n_cluster;
    const int64_t V   = head->n_vocab;
    const int     ith = thread.ith;
    const int     nth = thread.nth;

    const struct flash_head_dot * wd = &head->weight_dot;
    const struct flash_head_dot * cd = &head->centroid_dot;

    const size_t  act_w = align64(wd->act_size);
    const size_t  act_c = align64(cd->act_size);
    const int64_t block = block_rows(n_rows);

    const int64_t k0 = share(K, ith, nth), k1 = share(K, ith + 1, nth);
    const int64_t v0 = share(V, ith, nth), v1 = share(V, ith + 1, nth);

    for (int64_t r0 = 0, i_block = 0; r0 < n_rows; r0 += block, i_block++) {
        const int64_t n = n_rows - r0 < block ? n_rows - r0 : block;
        const struct flash_head_work w = work_layout(head, work, block, i_block, ith, nth);

        char * acts_w = w.act;
        char * acts_c = w.act + align64(block*act_w);

        // every thread quantises for itself: it costs less than a barrier
        for (int64_t r = 0; r < n; r++) {
            const float * row = (const float *) ((const char *) x + (r0 + r)*stride_x);
            wd->from_float(row, acts_w + r*act_w, D);
            cd->from_float(row, acts_c + r*act_c, D);
        }

        for (int64_t c = k0; c < k1; c++) {
            const char * centroid = (const char *) head->centroids + c*cd->row_size;
            for (int64_t r = 0; r < n; r++) {
                cd->vec_dot((int) D, w.scores + r*K + c, 0, centroid, 0, acts_c + r*act_c, 0, 1);
            }
        }
        for (int64_t r = 0; r < n; r++) {
            const float * scores = w.scores + r*K;
            uint32_t    * keys   = w.keys   + r*K;
            if (params->mode == FLASH_HEAD_MODE_SAMPLE) {
                const float * row = (const float *) ((const char *) x + (r0 + r)*stride_x);
                const uint64_t stream = flash_head_draw_stream(params->seed, row, D);
                for (int64_t c = k0; c < k1; c++) {
                    keys[c] = flash_head_key(scores[c]/params->temperature + flash_head_draw_gumbel(stream, c));
                }
            } else {
                for (int64_t c = k0; c < k1; c++) {
                    keys[c] = flash_head_key(scores[c]);
                }
            }
        }

        thread.barrier(thread.barrier_data);

        struct flash_head_threshold thresholds[FLASH_HEAD_MAX_BLOCK];
        for (int64_t r = 0; r < n; r++) {
            const uint32_t * keys   = w.keys   + r*K;
            const float    * scores = w.scores + r*K;
            float          * out    = (float *) ((char *) logits + (r0 + r)*stride_logits);

            // all threads find the same threshold, each for itself: no barrier to wait at
            thresholds[r] = flash_head_select(keys, K, params->n_probe, w.scratch);

            int32_t * list = w.picked + r*K + k0;
            int32_t count = 0;
            for (int64_t c = k0; c < k1; c++) {
                if (flash_head_selected(thresholds[r], keys[c], (int32_t) c)) {
                    list[count++] = (int32_t) c;
                }
            }
            w.counts[r*nth + ith] = count;

            for (int64_t v = v0; v < v1; v++) {
                out[v] = scores[head->cluster[v]];
            }
        }

        thread.barrier(thread.barrier_data);

        for (int64_t r = 0; r < n; r++) {
            float * out = (float *) ((char *) logits + (r0 + r)*stride_logits);
            score_selected(head, &w, r, params->n_probe, thresholds[r], acts_w + r*act_w, out, ith, nth);
        }
        if (thread.n_scored) {
            for (int64_t r = 0; r < n; r++) {
                *thread.n_scored += count_scored(head, &w, r, thresholds[r], ith, nth);
            }
        }
    }
}
