#pragma once

// What the kernels of one call share. They come one after the other:
//   flash_head_centroids       scores all centroids
//   flash_head_find_threshold  the threshold that the best clusters reach
//   flash_head_finish          background and exact logits
// Where tokens are selected by their codes (flash-head-codes.h), instead of clusters:
//   flash_head_centroids
//   flash_head_project         products of x with the directions
//   flash_head_prepare         x as the codes need it
//   flash_head_estimate        coarse estimates of all tokens, to the logits
//   flash_head_count           tokens by their estimates
//   flash_head_find_best       the tokens whose fine code is read
//   flash_head_refine          their fine estimates
//   flash_head_count, flash_head_find_best  again: the tokens that are scored exactly
//   flash_head_finish          exact logits; all others keep their estimates
// ggml's own kernel rounds activations for quantised rows first, to the same bits as for a dense product. (The centroids' kernel could do so as it goes and save a launch, but each of its hundreds of blocks would have
// to read and round all rows of x for itself, and keep them in shared memory.)

#include "ggml-cuda/common.cuh"

#define FLASH_HEAD_FUNCTION static __host__ __device__ __forceinline__

#include "../../core/flash-head-codes.h"
#include "../../core/flash-head-draw.h"
#include "../../core/flash-head-select.h"

#define FLASH_HEAD_CALL_ROWS 8   // of one call, at most
#define FLASH_HEAD_THREADS  256 // of a block, but for find_threshold and find_best: warp_size x as many warps as it takes

// Rows of weights or centroids.
struct flash_head_rows {
    const char * data;
    int64_t      row_size; // bytes
    bool         wide;     // rows and activations can be read 16 bytes at a time; types of float only
};

// The best tokens of a row.
struct flash_head_best {
    int most; // key of the greatest estimate
    int bin;  // the last that is chosen (flash-head-best.cuh)
};

enum { FLASH_HEAD_NEAR, FLASH_HEAD_EXACT, FLASH_HEAD_CHOICES }; // for a fine estimate, for an exact logit

struct flash_head_call {
    int n_rows;    // of activations, 1 .. FLASH_HEAD_CALL_ROWS
    int n_embd;    // D
    int n_vocab;   // V
    int n_cluster; // K
    int n_pinned;

    flash_head_rows      weight;      // [V][D]
    flash_head_rows      centroids;   // [K][D]
    const float        * x;           // [n_rows][D], rows stride_x apart
    int64_t              stride_x;
    const block_q8_1   * x_q8_1;      // [n_rows][D], rounded; NULL if there are only rows of floats
    const int          * cluster;     // [V]: of each token
    const int          * pinned;      // [n_pinned]: tokens always scored exactly, ascending

    bool                 draw;        // clusters are drawn
    float                temperature; // of the draw
    uint32_t             seed;        // of the draw

    flash_head_codes     codes;       // 0 directions: clusters are selected
    const float        * bias;        // [V] that tokens are chosen with, or NULL
    int                  n_best[FLASH_HEAD_CHOICES]; // tokens chosen at least
    float                tolerance;   // what estimates may cost, nats; 0: any

    // scratch memory
    float                * scores;    // [n_rows][K] of the centroids
    int                  * keys;      // [n_rows][K]: what clusters are ranked by
    flash_head_threshold * threshold; // [n_rows]
    // scratch memory of codes
    float                * parts;     // [n_rows][parts][n_directions + 2]: projections of x
    flash_head_query     * queries;   // [n_rows]
    signed char          * slots;     // [n_rows][8*fine_bytes]: x for the fine code
    int                  * bins;      // [FLASH_HEAD_CHOICES][n_rows][FLASH_HEAD_BEST_BINS]: tokens in each
    flash_head_best      * best;      // [FLASH_HEAD_CHOICES][n_rows]

    float                * logits;    // [n_rows][V], rows stride_logits apart
    int64_t                stride_logits;
};

// Launch the kernels of the codes: up to all fine estimates and the choice of what is scored exactly.
int  flash_head_cuda_n_parts (int n_embd);
void flash_head_cuda_query   (const flash_head_call & call, cudaStream_t stream);
void flash_head_cuda_estimate(const flash_head_call & call, cudaStream_t stream);

// Launch the kernels that know the type of the centroids, or of the weight; such a type must be there.
bool flash_head_cuda_has_dot (ggml_type type);
void flash_head_cuda_centroids(const flash_head_call & call, ggml_type type, cudaStream_t stream);
void flash_head_cuda_finish   (const flash_head_call & call, ggml_type type, cudaStream_t stream);

// The shape of a block of FLASH_HEAD_THREADS threads: a warp along x.
static inline dim3 flash_head_block_dims(int device) {
    const int warp_size = ggml_cuda_info().devices[device].warp_size;
    return dim3(warp_size, FLASH_HEAD_THREADS/warp_size, 1);
}

// The number of this thread in such a block.
static __device__ __forceinline__ int flash_head_thread() {
    return threadIdx.y*blockDim.x + threadIdx.x;
}

#define FLASH_HEAD_RUN 16 // tokens of a run: a write of 64 bytes

// The token that a thread of a block looks at. Tokens that are neighbours are often selected together, so they are
// dealt to blocks in short runs: run i to block i % blocks.
static __device__ __forceinline__ int flash_head_token_of_run(int thread) {
    const int run = thread/FLASH_HEAD_RUN*gridDim.x + blockIdx.x;
    return run*FLASH_HEAD_RUN + thread % FLASH_HEAD_RUN;
}
