#pragma once

// State shared by the steps of one call. Private to the core.

#include "flash-head.h"
#include "flash-head-centroids.h"
#include "flash-head-mass.h"
#include "flash-head-prefetch.h"
#include "flash-head-select.h"

#include <chrono>

// Stopwatch: adds the time that this thread spends in each stage to its counts, if there are any.
struct flash_head_watch {
    flash_head_counts * counts;
    std::chrono::steady_clock::time_point last;

    explicit flash_head_watch(flash_head_counts * counts) : counts(counts) {
        if (counts) {
            last = std::chrono::steady_clock::now();
        }
    }

    // attributes the time since the last call to this stage
    void end(flash_head_stage stage) {
        if (counts) {
            const auto now = std::chrono::steady_clock::now();
            counts->ns[stage] += std::chrono::nanoseconds(now - last).count();
            last = now;
        }
    }
};

// The arguments of one call, as one thread sees them.
struct flash_head_call {
    const flash_head        * head;
    const flash_head_params * params;
    flash_head_thread         thread;
    const char * x;      size_t stride_x;      // rows of activations
    char       * logits; size_t stride_logits; // rows of logits
    flash_head_watch * watch;

    const float * row(int64_t r) const { return (const float *) (x + r*stride_x); }
    float       * out(int64_t r) const { return (float *) (logits + r*stride_logits); }

    void wait() const {
        thread.barrier(thread.barrier_data);
        watch->end(FLASH_HEAD_STAGE_WAITING);
    }
};

// Scratch memory of one block of rows, as one thread sees it.
//
// Shared buffers exist twice, for alternating blocks, unless marked "once": a block may start while a slower thread
// still finishes the block before.
struct flash_head_work {
    float   * scores; // [block][padded K]: stage 1
    int32_t * keys;   // [block][K]: ranks of the clusters; selection by clusters
    float   * exact;  // [block][V]: exact logits of selected tokens; selection by clusters, once
    float   * parts;  // [block][n_parts][n_directions + 2]: projections of x; selection by tokens
    int32_t * sample; // [2][block][V]: keys of some estimates, coarse and fine; selection by tokens, once
    flash_head_mass * masses; // [2][block][blocks of tokens]: of estimates, coarse and fine; selection by tokens, once

    char     * acts_w; // [block] rounded activations for the weight; each thread rounds a share
    size_t     act_w;  // bytes from one to the next

    // this thread's
    // [block] rounded activations for the centroids; every thread rounds all, which costs less than a barrier
    char     * acts_c;
    size_t     act_c;
    int32_t  * list;   // [block][K], or [V + 1]: what was selected
    int8_t   * slots;  // [block][slots]: activations for the fine code; selection by tokens
};

// Whether the call selects tokens by their estimates; otherwise it selects clusters.
static inline bool flash_head_by_tokens(const flash_head * head, const flash_head_params * params) {
    return head->codes.n_directions > 0 && params->mode == FLASH_HEAD_MODE_TOP;
}

// Start of thread i's share of n items, a multiple of step.
static inline int64_t flash_head_share(int64_t n, int i, int nth, int64_t step = 1) {
    const int64_t begin = (n + step - 1)/step*i/nth*step;
    return begin < n ? begin : n;
}

// Rows to prefetch ahead: about 10 KB. More would overflow the processor's queue of pending reads, fewer would leave it
// waiting. Measured on rows of 680 bytes: 4 rows take a fifth longer, 16 the same time.
static inline int64_t flash_head_rows_ahead(const flash_head * head) {
    const int64_t n = (10*1024 + head->weight_dot.row_size - 1)/head->weight_dot.row_size;
    return n < 2 ? 2 : n > 16 ? 16 : n;
}

// The weights of the token at position pos in cluster order.
static inline const char * flash_head_row_at(const flash_head * head, int64_t pos) {
    return head->ordered ? (const char *) head->ordered + pos               *head->weight_dot.row_size
                         : (const char *) head->weight  + head->tokens[pos]*head->weight_dot.row_size;
}

// The weights of a token.
static inline const char * flash_head_row_of(const flash_head * head, int64_t token) {
    return head->weight ? (const char *) head->weight  + token                *head->weight_dot.row_size
                        : (const char *) head->ordered + head->position[token]*head->weight_dot.row_size;
}

// Writes the exact logit of a token with weights row; act are the activations.
static inline void flash_head_score_row(const flash_head * head, const char * row, const char * act, float * logit) {
    head->weight_dot.vec_dot((int) head->n_embd, logit, 0, row, 0, act, 0, 1);
}

// The steps after stage 1 for n rows from r0 on, by clusters or by tokens. All threads call them; they have two or
// three barriers.
void flash_head_score_clusters(const flash_head_call * call, const flash_head_work * work, int64_t r0, int64_t n);
void flash_head_score_tokens  (const flash_head_call * call, const flash_head_work * work, int64_t r0, int64_t n);
