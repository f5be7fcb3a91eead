#pragma once

// What the steps of one computation share. Private to the core.

#include "flash-head.h"
#include "flash-head-select.h"
#include "flash-head-sketch.h"

// One call's arguments, for the thread that looks at them.
struct flash_head_call {
    const flash_head        * head;
    const flash_head_params * params;
    flash_head_thread         thread;
    const char * x;      size_t stride_x;      // rows of activations
    char       * logits; size_t stride_logits; // rows of logits

    const float * row(int64_t r) const { return (const float *) (x + r*stride_x); }
    float       * out(int64_t r) const { return (float *) (logits + r*stride_logits); }
};

// Work memory of one block of rows, seen from one thread.
struct flash_head_work {
    // Kept twice: a block may start while a slower thread still finishes the one before.
    float    * scores; // [block][K]: stage 1

    // Selection by clusters; kept twice too.
    uint32_t * keys;   // [block][K]: what the clusters are ranked by
    int32_t  * picked; // [block][K]: selected clusters; thread i's begin at the start of its slice of K
    int32_t  * counts; // [block][nth]: how many each thread picked

    // Selection by tokens, one row after the other: two barriers a row keep readers and writers apart.
    float    * estimates;    // [V], in the order of the clusters
    uint32_t * sample;       // [V]: keys of some of them
    int32_t  * places;       // [V]: selected ones; thread i's begin where its clusters do
    int32_t  * place_counts; // [nth]

    char     * acts_w; // this thread's activations, [block] of the type of the weight's dot product
    char     * acts_c; // and of the centroids'
    size_t     act_w;  // bytes from one to the next
    size_t     act_c;
    flash_head_candidate * scratch; // this thread's, [K]
};

// Whether the best tokens are selected by their estimates, or else the best clusters.
static inline bool flash_head_by_tokens(const flash_head * head, const flash_head_params * params) {
    return head->rank > 0 && params->mode == FLASH_HEAD_MODE_TOP;
}

// Start of thread i's share of n items.
static inline int64_t flash_head_share(int64_t n, int i, int nth) {
    return n*i/nth;
}

// What is one thread's: clusters k0 .. k1 - 1, their places begin .. end - 1 in tokens, and tokens v0 .. v1 - 1.
struct flash_head_part {
    int64_t k0, k1;
    int64_t begin, end;
    int64_t v0, v1;

    flash_head_part(const flash_head * head, const flash_head_thread & thread)
        : k0(flash_head_share(head->n_cluster, thread.ith, thread.nth)), k1(flash_head_share(head->n_cluster, thread.ith + 1, thread.nth)),
          begin(head->offsets[k0]), end(head->offsets[k1]),
          v0(flash_head_share(head->n_vocab, thread.ith, thread.nth)), v1(flash_head_share(head->n_vocab, thread.ith + 1, thread.nth)) {}
};

static inline void flash_head_prefetch(const char * p, size_t size) {
#if defined(__GNUC__)
    for (size_t i = 0; i < size; i += 64) {
        __builtin_prefetch(p + i, 0, 3);
    }
#else
    (void) p; (void) size;
#endif
}

// The weight of the token at pos of the order of the clusters.
static inline const char * flash_head_row_at(const flash_head * head, int64_t pos) {
    return head->ordered ? (const char *) head->ordered + pos               *head->weight_dot.row_size
                         : (const char *) head->weight  + head->tokens[pos]*head->weight_dot.row_size;
}

// Writes the exact logit of that token; act are the activations.
static inline void flash_head_score_at(const flash_head * head, int64_t pos, const char * act, float * logits) {
    head->weight_dot.vec_dot((int) head->n_embd, logits + head->tokens[pos], 0, flash_head_row_at(head, pos), 0, act, 0, 1);
}

// The steps after stage 1 for the n rows from r0 on, by clusters; and for row r0 + r of the call, by tokens. All threads
// call them; they wait for each other inside.
void flash_head_score_clusters(const flash_head_call * call, const flash_head_work * work, int64_t r0, int64_t n);
void flash_head_score_tokens  (const flash_head_call * call, const flash_head_work * work, int64_t r0, int64_t r);
