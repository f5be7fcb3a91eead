#pragma once

// The FlashHead compute core: logits of an output head by retrieval (arXiv 2603.14591).
//
// The rows of the head's weight W [V][D] are grouped in K clusters. For every row of activations:
//   stage 1: score all K centroids;
//   select:  take the P best clusters (or draw them);
//   stage 2: tokens of the selected clusters, and the pinned tokens, get their exact logit;
//   background: all others get the score of their centroid, which for a mean centroid is its cluster's mean logit.
// With codes (flash-head-codes.h) every token has an estimate of its own, which is its background: a coarse one, then a
// finer one for the n_near tokens with the best, and of these the best are scored exactly, as many as P clusters have
// on average, or more where estimates would cost more than a tolerance. Where clusters are drawn, codes are not used.
//
// The core is independent of its host and creates no threads: each of n threads calls flash_head_compute() with its own
// index, and the host supplies the barrier and ggml's dot products.

#include "flash-head-codes.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Rows of activations that share one pass over the centroids.
#define FLASH_HEAD_BLOCK_ROWS 8

enum flash_head_mode {
    FLASH_HEAD_MODE_TOP    = 0, // the P best clusters
    FLASH_HEAD_MODE_SAMPLE = 1, // P clusters drawn without replacement from softmax(score / temperature)
};

// ggml's dot product: *s = x . y over n columns, for nrc = 1; bs, bx and by are then unused.
typedef void (*flash_head_vec_dot_t)(int n, float * s, size_t bs, const void * x, size_t bx, const void * y, size_t by,
        int nrc);

// ggml's conversion of k values to another type.
typedef void (*flash_head_from_float_t)(const float * x, void * y, int64_t k);

// Dot products with rows of one type.
struct flash_head_dot {
    flash_head_vec_dot_t    vec_dot;    // (weights row, activations row) -> F32
    flash_head_from_float_t from_float; // F32 -> the type of vec_dot's activations
    size_t                  row_size;   // bytes of a row of D weights
    size_t                  act_size;   // bytes of D activations
};

struct flash_head {
    int64_t n_embd;    // D
    int64_t n_vocab;   // V
    int64_t n_cluster; // K
    int64_t n_pinned;

    const void    * weight;    // [V][D], rows in token order; NULL if there is ordered
    const void    * ordered;   // [V][D], the same rows cluster by cluster, or NULL
    const void    * centroids; // [K][D]; or in groups (flash-head-centroids.h), if grouped is set
    const int32_t * cluster;   // [V]: cluster of each token
    const int32_t * position;  // [V]: where each token stands in tokens
    const int32_t * tokens;    // [V]: tokens, cluster by cluster
    const int32_t * offsets;   // [K + 1]: cluster c holds tokens[offsets[c]] .. tokens[offsets[c + 1] - 1]
    const int32_t * pinned;    // [n_pinned]: tokens always scored exactly, ascending

    struct flash_head_codes codes;

    // [V] or NULL: what the host adds to the logits afterwards. Tokens are chosen as with it, the logits are without.
    // Codes only; where clusters are drawn, it is not read.
    const float * bias;

    struct flash_head_dot weight_dot;
    struct flash_head_dot centroid_dot;
    int32_t               grouped;      // 1: centroid_dot is that of Q4_0, whose activations are Q8_0
};

struct flash_head_params {
    int32_t  n_probe;     // P: 1 .. K; K is exact. With codes, 0 is all estimates but for pinned tokens
    int32_t  mode;        // enum flash_head_mode
    float    temperature; // of the draw, > 0; mode sample only
    uint32_t seed;        // of the draw; the same seed and activations draw the same clusters
    // codes only; rows for which the codes expect larger errors get more of both
    int32_t  n_near;      // tokens whose fine code is read, 1 .. V, at least 2*P*V/K of them
    float    tolerance;   // divergence from the dense distribution that a row's estimates may be expected to cost, in
                          // nats; 0: any
};

// Stages that are timed separately.
enum flash_head_stage {
    FLASH_HEAD_STAGE_CENTROIDS,  // activations are rounded, centroids scored
    FLASH_HEAD_STAGE_ESTIMATES,  // by the codes
    FLASH_HEAD_STAGE_SELECTION,
    FLASH_HEAD_STAGE_BACKGROUND,
    FLASH_HEAD_STAGE_ROWS,       // exact logits
    FLASH_HEAD_STAGE_WAITING,    // for other threads
    FLASH_HEAD_N_STAGES
};

// Counts of one thread.
struct flash_head_counts {
    int64_t n_near;                  // tokens whose fine code was read
    int64_t n_scored;                // tokens scored exactly
    int64_t ns[FLASH_HEAD_N_STAGES]; // nanoseconds
};

// The calling thread and its host.
struct flash_head_thread {
    int    ith;               // index of this thread, 0 .. nth - 1
    int    nth;               // number of threads in this call
    void (*barrier)(void *);  // returns when all nth threads have called it
    void * barrier_data;
    struct flash_head_counts * counts; // incremented by this thread; NULL: no counting
};

// Bytes of scratch memory that flash_head_compute needs for n_rows rows on n_threads threads. Reads only the sizes in
// head: n_embd, n_vocab, n_cluster, codes, grouped and the act_size of both dot products.
size_t flash_head_work_size(const struct flash_head * head, int64_t n_rows, int n_threads);

// logits [n_rows][V] of activations [n_rows][D]; stride_x and stride_logits are bytes from one row to the next. All
// threads pass the same arguments but for `thread`. On return this thread's share of the logits is written; the host
// joins the threads.
void flash_head_compute(
        const struct flash_head        * head,
        const struct flash_head_params * params,
        const float * x,      size_t stride_x,
              float * logits, size_t stride_logits,
        int64_t       n_rows,
        void        * work,
        struct flash_head_thread thread);

#ifdef __cplusplus
}
#endif
