#pragma once

// The best tokens of a row, by their estimates.
//
// Tokens are counted by how far they are estimated below the greatest. A bin is a float of 1 + that distance, in nats,
// with FLASH_HEAD_OCTAVE_BITS bits of fraction: bins are 1/256 nat wide near the greatest, where the mass is, and of
// the same relative width further down, where many tokens are. Counts are integers and their order does not matter, so
// that the same tokens are chosen each time.

#include "flash-head-call.cuh"

#define FLASH_HEAD_OCTAVE_BITS 8
#define FLASH_HEAD_BEST_BINS   4096 // 16 octaves
#define FLASH_HEAD_LAST_BIN    (FLASH_HEAD_BEST_BINS - 1)

// Tells by the bits, as compilers may assume that there are no others.
static __device__ __forceinline__ bool flash_head_is_finite(float value) {
    union { float f; int i; } bits = { value };
    return (bits.i & INT32_MAX) < 0x7f800000;
}

// The bin at a distance of 0 or more; the last one for infinity and NaN.
static __device__ __forceinline__ int flash_head_bin_at(float distance) {
    union { float f; int i; } bits = { 1.0f + distance };
    const int bin = (bits.i - 0x3f800000) >> (23 - FLASH_HEAD_OCTAVE_BITS);
    return bin >= 0 && bin < FLASH_HEAD_LAST_BIN ? bin : FLASH_HEAD_LAST_BIN;
}

// The least distance of a bin.
static __device__ __forceinline__ float flash_head_distance_of(int bin) {
    union { int i; float f; } bits = { (bin << (23 - FLASH_HEAD_OCTAVE_BITS)) + 0x3f800000 };
    return bits.f - 1.0f;
}

static __device__ __forceinline__ flash_head_best & flash_head_best_of(const flash_head_call & call, int choice,
        int r) {
    return call.best[choice*call.n_rows + r];
}

static __device__ __forceinline__ int * flash_head_bins_of(const flash_head_call & call, int choice, int r) {
    return call.bins + (int64_t) (choice*call.n_rows + r)*FLASH_HEAD_BEST_BINS;
}

// Whether a token with this estimate is chosen. One that is NaN never is.
static __device__ __forceinline__ bool flash_head_is_best(const flash_head_best & best, float estimate) {
    return flash_head_key(estimate) != INT32_MIN
        && flash_head_bin_at(flash_head_score_of_key(best.most) - estimate) <= best.bin;
}

// Notes the greatest key of all threads of a block of FLASH_HEAD_THREADS. All of them call it.
static __device__ __forceinline__ void flash_head_note_most(int key, int * most) {
    constexpr int warp_size = ggml_cuda_get_physical_warp_size();
    __shared__ int most_of_block;
    if (flash_head_thread() == 0) {
        most_of_block = INT32_MIN;
    }
    __syncthreads();
#pragma unroll
    for (int offset = warp_size/2; offset > 0; offset /= 2) {
        key = max(key, __shfl_xor_sync(0xffffffff, key, offset, warp_size));
    }
    if (threadIdx.x == 0) {
        atomicMax(&most_of_block, key);
    }
    __syncthreads();
    if (flash_head_thread() == 0) {
        atomicMax(most, most_of_block);
    }
}

// Chooses, of all tokens' estimates in the logits, those for a fine estimate or those for an exact logit.
void flash_head_cuda_choose(const flash_head_call & call, int choice, cudaStream_t stream);
