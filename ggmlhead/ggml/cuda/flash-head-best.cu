#include "flash-head-best.cuh"

#include "../../core/flash-head-allowance.h"

#include <float.h>

#define FLASH_HEAD_FIND_THREADS 1024
#define FLASH_HEAD_FIND_BINS    (FLASH_HEAD_BEST_BINS/FLASH_HEAD_FIND_THREADS) // of a thread

// More blocks would clear and add up more bins, fewer would leave multiprocessors without work.
static const int COUNTING_BLOCKS_PER_SM = 2;

// Counts the tokens of row blockIdx.y by bins.
//
// 1. The block clears its own bins.
// 2. Its threads count their tokens in them.
// 3. Bins that have some are added to the row's.
static __global__ void __launch_bounds__(FLASH_HEAD_THREADS) flash_head_count(const flash_head_call call, int choice) {
    ggml_cuda_pdl_lc();
    ggml_cuda_pdl_sync();

    __shared__ int bins[FLASH_HEAD_BEST_BINS];
    const int     thread = flash_head_thread();
    const int     r      = blockIdx.y;
    const float   most   = flash_head_score_of_key(flash_head_best_of(call, choice, r).most);
    const float * logits = call.logits + r*call.stride_logits;
    for (int i = thread; i < FLASH_HEAD_BEST_BINS; i += FLASH_HEAD_THREADS) {
        bins[i] = 0;
    }
    __syncthreads();
    for (int64_t v = blockIdx.x*FLASH_HEAD_THREADS + thread; v < call.n_vocab; v += gridDim.x*FLASH_HEAD_THREADS) {
        const float estimate = logits[v];
        if (flash_head_key(estimate) != INT32_MIN) {
            atomicAdd(bins + flash_head_bin_at(most - estimate), 1);
        }
    }
    __syncthreads();
    int * of_row = flash_head_bins_of(call, choice, r);
    for (int i = thread; i < FLASH_HEAD_BEST_BINS; i += FLASH_HEAD_THREADS) {
        if (bins[i] > 0) {
            atomicAdd(of_row + i, bins[i]);
        }
    }
}

// How much of the mass may keep its estimates, as a share of all; FLT_MAX for any.
static __device__ float flash_head_kept_share(const flash_head_call & call, int choice, int r) {
    if (!(call.tolerance > 0.0f)) {
        return FLT_MAX;
    }
    const float share = flash_head_allowed_share(choice == FLASH_HEAD_NEAR
            ? flash_head_allowance_of_far(call.tolerance) : flash_head_allowance_of_near(call.tolerance),
            call.queries[r].errors[choice]);
    return share < 1.0f ? share : FLT_MAX;
}

// The last bin of which the mass counts: for an exact logit, only that of tokens with a fine estimate.
static __device__ int flash_head_from_bin(const flash_head_call & call, int choice, int r) {
    if (choice == FLASH_HEAD_NEAR) {
        return FLASH_HEAD_LAST_BIN;
    }
    const flash_head_best refined = flash_head_best_of(call, FLASH_HEAD_NEAR, r);
    if (refined.bin >= FLASH_HEAD_LAST_BIN) {
        return FLASH_HEAD_LAST_BIN;
    }
    const float from = flash_head_score_of_key(refined.most) - flash_head_distance_of(refined.bin + 1);
    return flash_head_bin_at(fmaxf(0.0f, flash_head_score_of_key(flash_head_best_of(call, choice, r).most) - from));
}

// Finds the last bin of row blockIdx.x that is chosen. Sums go from the far end, where tokens are many and light, so
// that their masses are not lost.
//
// 1. Each thread adds up the tokens in a few bins, and their masses: exp(-distance), as a share of the best one's.
// 2. Sums over the threads before it tell what lies further away.
// 3. A bin is chosen if too few tokens are in better ones, or if it and those further away have more of the mass than
//    may keep its estimates. The last such bin is the result.
static __global__ void __launch_bounds__(FLASH_HEAD_FIND_THREADS) flash_head_find_best(const flash_head_call call,
        int choice) {
    ggml_cuda_pdl_lc();
    ggml_cuda_pdl_sync();

    constexpr int warp_size = ggml_cuda_get_physical_warp_size();
    constexpr int n_warps   = FLASH_HEAD_FIND_THREADS/warp_size;
    __shared__ int   counts[n_warps]; // of each warp
    __shared__ float masses[n_warps]; // that count
    __shared__ float totals[n_warps]; // of all bins
    __shared__ int   last;

    const int   r      = blockIdx.x;
    const int   thread = threadIdx.x;
    const int   warp   = thread/warp_size, lane = thread % warp_size;
    const int   first  = FLASH_HEAD_LAST_BIN - thread*FLASH_HEAD_FIND_BINS; // and those below
    const int   from   = flash_head_from_bin(call, choice, r);
    const float share  = flash_head_kept_share(call, choice, r);
    const int * bins   = flash_head_bins_of(call, choice, r);

    int   count[FLASH_HEAD_FIND_BINS], sum = 0;
    float mass [FLASH_HEAD_FIND_BINS], sum_mass = 0.0f, total = 0.0f;
#pragma unroll
    for (int i = 0; i < FLASH_HEAD_FIND_BINS; i++) {
        const int bin = first - i;
        count[i] = bins[bin];
        mass [i] = (float) count[i]*expf(-flash_head_distance_of(bin));
        total   += mass[i];
        mass [i] = bin <= from ? mass[i] : 0.0f;
        sum      += count[i];
        sum_mass += mass[i];
    }
    const int   sums   = warp_prefix_inclusive_sum<int,   warp_size>(sum);
    const float masses_here = warp_prefix_inclusive_sum<float, warp_size>(sum_mass);
    total = warp_reduce_sum<warp_size>(total);
    if (lane == warp_size - 1) {
        counts[warp] = sums;
        masses[warp] = masses_here;
        totals[warp] = total;
    }
    if (thread == 0) {
        last = 0;
    }
    float beyond_mass = __shfl_up_sync(0xffffffff, masses_here, 1, warp_size);
    int   beyond      = sums - sum;
    beyond_mass = lane > 0 ? beyond_mass : 0.0f;
    __syncthreads();

    int   n_all = 0;
    float all   = 0.0f;
    for (int w = 0; w < n_warps; w++) {
        n_all       += counts[w];
        all         += totals[w];
        beyond      += w < warp ? counts[w] : 0;
        beyond_mass += w < warp ? masses[w] : 0.0f;
    }
    const float allowed = share < FLT_MAX ? share*all : FLT_MAX;
    int mine = 0;
#pragma unroll
    for (int i = 0; i < FLASH_HEAD_FIND_BINS; i++) {
        beyond      += count[i];
        beyond_mass += mass[i];
        if (n_all - beyond < call.n_best[choice] || beyond_mass > allowed) {
            mine = max(mine, first - i);
        }
    }
    atomicMax(&last, mine);
    __syncthreads();
    if (thread == 0) {
        flash_head_best_of(call, choice, r).bin = last;
    }
}

void flash_head_cuda_choose(const flash_head_call & call, int choice, cudaStream_t stream) {
    const int device   = ggml_cuda_get_device();
    const int n_blocks = std::min((call.n_vocab + FLASH_HEAD_THREADS - 1)/FLASH_HEAD_THREADS,
            COUNTING_BLOCKS_PER_SM*ggml_cuda_info().devices[device].nsm);
    const ggml_cuda_kernel_launch_params counting(dim3(n_blocks, call.n_rows, 1), flash_head_block_dims(device), 0,
            stream);
    ggml_cuda_kernel_launch(flash_head_count, counting, call, choice);

    const ggml_cuda_kernel_launch_params finding(dim3(call.n_rows, 1, 1), dim3(FLASH_HEAD_FIND_THREADS, 1, 1), 0,
            stream);
    ggml_cuda_kernel_launch(flash_head_find_best, finding, call, choice);
}
