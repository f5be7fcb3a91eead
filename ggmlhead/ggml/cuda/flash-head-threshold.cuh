#pragma once

// Selection: the threshold that the best clusters reach, one block a row of their keys.
//
// A radix select. A key and its index make a unique 64-bit number: the key above, the inverted index below, as the
// lower index is the better one.

#include "flash-head-call.cuh"

#define FLASH_HEAD_SELECT_THREADS 1024
#define FLASH_HEAD_BINS           256
#define FLASH_HEAD_COPIES         16 // of the bins: as the best keys are much alike, many threads count in one bin

struct flash_head_select_shared {
    int bins[FLASH_HEAD_BINS][FLASH_HEAD_COPIES];
    int sums[FLASH_HEAD_BINS/32]; // of the bins that each warp has
    int bin;                      // to descend into
    int n_better;                 // in the bins above it
    int n_bin;                    // in it
};

static __device__ __forceinline__ uint64_t flash_head_rank(int key, int index) {
    return (uint64_t) ((uint32_t) key ^ 0x80000000u) << 32 | ~(uint32_t) index;
}

// The threshold that selects all that rank at `rank` or above.
static __device__ __forceinline__ flash_head_threshold flash_head_threshold_at(uint64_t rank) {
    return { (int) ((uint32_t) (rank >> 32) ^ 0x80000000u), (int) (~(uint32_t) rank & INT32_MAX) };
}

// Finds the bin that has the n-th best, of what is counted in the bins.
static __device__ __forceinline__ void flash_head_find_bin(flash_head_select_shared & shared, int n) {
    constexpr int warp_size = ggml_cuda_get_physical_warp_size();
    const int thread = threadIdx.x;
    const int warp   = thread/warp_size;
    int count = 0, sum = 0;
    if (thread < FLASH_HEAD_BINS) { // thread i has the i-th best bin
        for (int copy = 0; copy < FLASH_HEAD_COPIES; copy++) {
            // threads read different banks
            count += shared.bins[FLASH_HEAD_BINS - 1 - thread][(copy + thread) % FLASH_HEAD_COPIES];
        }
        sum = warp_prefix_inclusive_sum<int, warp_size>(count);
        if (thread % warp_size == warp_size - 1) {
            shared.sums[warp] = sum;
        }
    }
    __syncthreads();
    if (thread < FLASH_HEAD_BINS) {
        for (int w = 0; w < warp; w++) {
            sum += shared.sums[w];
        }
        if (sum >= n && sum - count < n) {
            shared.bin      = FLASH_HEAD_BINS - 1 - thread;
            shared.n_better = sum - count;
            shared.n_bin    = count;
        }
    }
    __syncthreads();
}

// The threshold of row blockIdx.x that n of its keys reach.
//
// 1. If all are wanted, the threshold is 0: everything reaches it.
// 2. Otherwise, for each digit of 8 bits from the top: clear the bins, then count the digits of the numbers that
//    match the digits found so far. Several copies of a bin spread the threads that count in it.
// 3. Descend into the bin that holds the n-th best. What lies in better bins is selected and no longer counted.
// 4. Stop when all of the bin is selected. For unlike keys that is after three or four digits.
static __global__ void __launch_bounds__(FLASH_HEAD_SELECT_THREADS) flash_head_find_threshold(
        const flash_head_call call, int n) {
    ggml_cuda_pdl_lc();
    ggml_cuda_pdl_sync();

    __shared__ flash_head_select_shared shared;
    const int   thread = threadIdx.x;
    const int * keys   = call.keys + (int64_t) blockIdx.x*call.n_cluster;

    uint64_t rank  = 0; // the lowest of the bin
    uint64_t known = 0; // bits of it
    if (n < call.n_cluster) {
        for (int shift = 56; shift >= 0; shift -= 8) {
            for (int i = thread; i < FLASH_HEAD_BINS*FLASH_HEAD_COPIES; i += FLASH_HEAD_SELECT_THREADS) {
                shared.bins[i/FLASH_HEAD_COPIES][i % FLASH_HEAD_COPIES] = 0;
            }
            __syncthreads();
            for (int i = thread; i < call.n_cluster; i += FLASH_HEAD_SELECT_THREADS) {
                const uint64_t mine = flash_head_rank(keys[i], i);
                if ((mine & known) == rank) {
                    atomicAdd(&shared.bins[mine >> shift & (FLASH_HEAD_BINS - 1)][thread % FLASH_HEAD_COPIES], 1);
                }
            }
            __syncthreads();
            flash_head_find_bin(shared, n);
            rank  |= (uint64_t) shared.bin << shift;
            known |= (uint64_t) (FLASH_HEAD_BINS - 1) << shift;
            n     -= shared.n_better;
            if (shared.n_bin == n) {
                break;
            }
        }
    }
    if (thread == 0) {
        call.threshold[blockIdx.x] = flash_head_threshold_at(rank);
    }
}
