#include "flash-head-work.h"

#include <algorithm>

static const int64_t NEAR_SIZE = 128*1024; // bytes that fit into a core's own cache

static size_t align64(size_t n) {
    return (n + 63) & ~(size_t) 63;
}

// Bump allocator; with a null base it only measures.
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
    return n_rows < FLASH_HEAD_BLOCK_ROWS ? n_rows : FLASH_HEAD_BLOCK_ROWS;
}

// bytes of one row of unpacked activations for grouped centroids: values, scales, offsets
static size_t rounded_size(int64_t n_embd) {
    return n_embd + n_embd/FLASH_HEAD_BLOCK_COLUMNS*(sizeof(float) + sizeof(int32_t));
}

static flash_head_rounded rounded_at(char * p, int64_t n_embd) {
    float * scales = (float *) (p + n_embd);
    return { (int8_t *) p, scales, (int32_t *) (scales + n_embd/FLASH_HEAD_BLOCK_COLUMNS) };
}

// Lays out the scratch memory for block rows a block, as thread ith of nth sees block i_block. Returns its size.
static size_t lay_out(const flash_head * head, char * base, int64_t block, int64_t i_block, int ith, int nth,
        flash_head_work * w) {
    const int64_t K = head->n_cluster;
    const int64_t V = head->n_vocab;
    const bool    codes = head->codes.n_directions > 0;
    allotter a = { base };

    *w = {};
    w->act_w = align64(head->weight_dot.act_size);
    w->act_c = align64(head->centroid_dot.act_size) + (head->grouped ? align64(rounded_size(head->n_embd)) : 0);
    for (int64_t i = 0; i < 2; i++) {
        flash_head_work half = *w;
        half.scores = a.take<float  >(block*flash_head_centroids_padded(K));
        half.keys   = a.take<int32_t>(block*K);
        half.acts_w = a.take<char   >(block*w->act_w);
        if (codes) {
            half.parts = a.take<float>(block*flash_head_n_parts(head->n_embd)*(head->codes.n_directions + 2));
        }
        if (i == (i_block & 1)) {
            *w = half;
        }
    }
    w->exact  = a.take<float>(block*V*(codes ? 2 : 1)); // a head with codes may also draw clusters,
    w->sample = (int32_t *) w->exact;                   // but never in the same call
    w->masses = a.take<flash_head_mass>(codes ? 2*block*flash_head_n_masses(V) : 0);
    for (int i = 0; i < nth; i++) {
        char    * acts_c = a.take<char   >(block*w->act_c);
        int32_t * list   = a.take<int32_t>(codes ? std::max(V + 1, block*K) : block*K);
        int8_t  * slots  = a.take<int8_t >(codes ? block*flash_head_fine_max_slots(head->codes.fine_bytes) : 0);
        if (i == ith) {
            w->acts_c = acts_c;
            w->list   = list;
            w->slots  = slots;
        }
    }
    return a.used;
}

size_t flash_head_work_size(const struct flash_head * head, int64_t n_rows, int n_threads) {
    flash_head_work w;
    return 64 + lay_out(head, nullptr, block_rows(n_rows), 0, 0, n_threads, &w);
}

// Rounds this thread's share of the activations of n rows for the weight, in whole blocks of columns (256, 32 or 1).
static void round_activations(const flash_head_call * call, const flash_head_work * w, int64_t r0, int64_t n) {
    const flash_head * head = call->head;
    const int64_t step  = head->n_embd % 256 == 0 ? 256 : head->n_embd % 32 == 0 ? 32 : head->n_embd;
    const int64_t begin = flash_head_share(head->n_embd, call->thread.ith,     call->thread.nth, step);
    const int64_t end   = flash_head_share(head->n_embd, call->thread.ith + 1, call->thread.nth, step);
    if (begin == end) {
        return;
    }
    const size_t at = head->weight_dot.act_size/(head->n_embd/step)*(begin/step);
    for (int64_t r = 0; r < n; r++) {
        head->weight_dot.from_float(call->row(r0 + r) + begin, w->acts_w + r*w->act_w + at, end - begin);
    }
}

// this thread's share of the centroids
static void score_centroids(const flash_head_call * call, const flash_head_work * w, int64_t r0, int64_t n) {
    const flash_head * head = call->head;
    const int64_t D = head->n_embd;
    const int64_t K = head->n_cluster;
    const int64_t stride = flash_head_centroids_padded(K);
    const int64_t begin  = flash_head_share(K, call->thread.ith,     call->thread.nth, FLASH_HEAD_GROUP);
    const int64_t end    = flash_head_share(K, call->thread.ith + 1, call->thread.nth, FLASH_HEAD_GROUP);

    const flash_head_dot * dot = &head->centroid_dot;
    for (int64_t r = 0; r < n; r++) {
        dot->from_float(call->row(r0 + r), w->acts_c + r*w->act_c, D);
    }
    if (head->grouped) {
        const int64_t n_blocks = D/FLASH_HEAD_BLOCK_COLUMNS;
        const int64_t n_groups = (end - begin + FLASH_HEAD_GROUP - 1)/FLASH_HEAD_GROUP;
        const auto    score    = flash_head_group_kernels_here()->score;
        const uint8_t * groups = (const uint8_t *) head->centroids
                + begin/FLASH_HEAD_GROUP*n_blocks*FLASH_HEAD_BLOCK_SIZE;

        flash_head_rounded x[FLASH_HEAD_BLOCK_ROWS];
        float * out[FLASH_HEAD_BLOCK_ROWS];
        for (int64_t r = 0; r < n; r++) {
            char * act = w->acts_c + r*w->act_c;
            x[r]   = rounded_at(act + align64(dot->act_size), D);
            out[r] = w->scores + r*stride + begin;
            flash_head_centroids_unpack(act, D, &x[r]);
        }
        // all rows score a few centroids while these are in the cache
        const int64_t few = n_blocks*FLASH_HEAD_BLOCK_SIZE < NEAR_SIZE ? NEAR_SIZE/(n_blocks*FLASH_HEAD_BLOCK_SIZE) : 1;
        for (int64_t g = 0; g < n_groups; g += few) {
            const int64_t now = n_groups - g < few ? n_groups - g : few;
            for (int64_t r = 0; r < n; r += FLASH_HEAD_MAX_ROUNDED) {
                score(groups + g*n_blocks*FLASH_HEAD_BLOCK_SIZE, now, n_blocks, x + r,
                        (int) (n - r < FLASH_HEAD_MAX_ROUNDED ? n - r : FLASH_HEAD_MAX_ROUNDED), out + r);
            }
            for (int64_t r = 0; r < n; r++) {
                out[r] += now*FLASH_HEAD_GROUP;
            }
        }
        return;
    }
    for (int64_t c = begin; c < end; c++) {
        const char * centroid = (const char *) head->centroids + c*dot->row_size;
        for (int64_t r = 0; r < n; r++) {
            dot->vec_dot((int) D, w->scores + r*stride + c, 0, centroid, 0, w->acts_c + r*w->act_c, 0, 1);
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
    flash_head_watch watch(thread.counts);
    const flash_head_call call = { head, params, thread, (const char *) x, stride_x, (char *) logits, stride_logits,
            &watch };

    char * base = (char *) (((uintptr_t) work + 63) & ~(uintptr_t) 63);
    const int64_t block = block_rows(n_rows);

    for (int64_t r0 = 0, i_block = 0; r0 < n_rows; r0 += block, i_block++) {
        const int64_t n = n_rows - r0 < block ? n_rows - r0 : block;
        flash_head_work w;
        lay_out(head, base, block, i_block, thread.ith, thread.nth, &w);

        round_activations(&call, &w, r0, n);
        score_centroids(&call, &w, r0, n);
        watch.end(FLASH_HEAD_STAGE_CENTROIDS);
        if (flash_head_by_tokens(head, params)) {
            flash_head_score_tokens(&call, &w, r0, n);
        } else {
            flash_head_score_clusters(&call, &w, r0, n);
        }
    }
}
