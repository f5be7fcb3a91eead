#pragma once

// What the steps of one computation share. Private to the core.

#include "flash-head.h"
#include "flash-head-centroids.h"
#include "flash-head-select.h"
#include "flash-head-sketch.h"

#include <chrono>

// Tells the time that this thread spends in each stage to its counts, if it has some.
struct flash_head_watch {
    flash_head_counts * counts;
    std::chrono::steady_clock::time_point last;

    explicit flash_head_watch(flash_head_counts * counts) : counts(counts) {
        if (counts) {
            last = std::chrono::steady_clock::now();
        }
    }

    // all since the last call was this stage
    void end(flash_head_stage stage) {
        if (counts) {
            const auto now = std::chrono::steady_clock::now();
            counts->ns[stage] += std::chrono::nanoseconds(now - last).count();
            last = now;
        }
    }
};

// One call's arguments, for the thread that looks at them.
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

// Work memory of one block of rows, seen from one thread.
//
// What is not a thread's own or said to be there once is kept twice, for blocks in turn: a block may start while a
// slower thread still finishes the one before.
struct flash_head_work {
    float   * scores; // [block][padded K]: stage 1
    int32_t * keys;   // [block][K]: what the clusters are ranked by; selection by clusters
    float   * exact;  // [block][V]: exact logits of selected tokens; selection by clusters, once
    float   * parts;  // [block][n_parts][rank]: projections of x; selection by tokens
    int32_t * sample; // [block][V]: keys of some estimates; selection by tokens, once
    float   * best;   // [block][groups]: the greatest estimate of each group; selection by tokens, once

    char     * acts_w; // [block] activations for the weight, of which each thread rounds its share
    size_t     act_w;  // bytes from one to the next

    // this thread's
    // [block] activations for the centroids, rounded by each thread for itself: that costs less than waiting
    char     * acts_c;
    size_t     act_c;
    int32_t  * list;   // [block][K], or [V]: what was selected
};

// Whether the best tokens are selected by their estimates, or else the best clusters.
static inline bool flash_head_by_tokens(const flash_head * head, const flash_head_params * params) {
    return head->rank > 0 && params->mode == FLASH_HEAD_MODE_TOP;
}

// Start of thread i's share of n items, a multiple of step.
static inline int64_t flash_head_share(int64_t n, int i, int nth, int64_t step = 1) {
    const int64_t begin = (n + step - 1)/step*i/nth*step;
    return begin < n ? begin : n;
}

static inline void flash_head_prefetch(const char * p, size_t size) {
#if defined(__GNUC__)
    for (size_t i = 0; i < size; i += 64) {
        __builtin_prefetch(p + i, 0, 3);
    }
#else
    (void) p; (void) size;
#endif
}

// How many rows are to be fetched before they are needed: those of 10 KB, as more than that do not fit in a processor's
// list of pending reads, and with fewer it waits. Measured on rows of 680 bytes: 4 of them take a fifth longer, 16 the
// same time.
static inline int64_t flash_head_rows_ahead(const flash_head * head) {
    const int64_t n = (10*1024 + head->weight_dot.row_size - 1)/head->weight_dot.row_size;
    return n < 2 ? 2 : n > 16 ? 16 : n;
}

// The weights of the token at pos of the order of the clusters.
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

// The steps after stage 1 for the n rows from r0 on, by clusters or by tokens. All threads call them; they wait for
// each other inside, twice.
void flash_head_score_clusters(const flash_head_call * call, const flash_head_work * work, int64_t r0, int64_t n);
void flash_head_score_tokens  (const flash_head_call * call, const flash_head_work * work, int64_t r0, int64_t n);
