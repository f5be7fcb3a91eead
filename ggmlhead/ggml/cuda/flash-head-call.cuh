#pragma once

// What the kernels of one call share. They come one after the other:
//   flash_head_centroids       scores all centroids
//   flash_head_find_threshold  the threshold that the best clusters reach
//   flash_head_finish          background and exact logits
// Activations for quantised rows are rounded before by ggml's own kernel, to which bits a dense product would round
// them. (The centroids' kernel could do so as it goes and save a launch, but each of its hundreds of blocks would have
// to read and round all rows of x for itself, and keep them in shared memory.)

#include "ggml-cuda/common.cuh"

#define FLASH_HEAD_FUNCTION static __host__ __device__ __forceinline__

#include "../../core/flash-head-draw.h"
#include "../../core/flash-head-select.h"

#define FLASH_HEAD_CALL_ROWS 8   // of one call, at most
#define FLASH_HEAD_THREADS  256 // of a block, but for flash_head_find_threshold: warp_size x as many warps as it takes

// Rows of weights or centroids.
struct flash_head_rows {
    const char * data;
    int64_t      row_size; // bytes
    bool         wide;     // rows and activations can be read 16 bytes at a time; types of float only
};

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

    // scratch memory
    float                * scores;    // [n_rows][K] of the centroids
    int                  * keys;      // [n_rows][K]: what clusters are ranked by
    flash_head_threshold * threshold; // [n_rows]

    float                * logits;    // [n_rows][V], rows stride_logits apart
    int64_t                stride_logits;
};

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
