// The first kernel: scores of all centroids, and what the clusters are ranked by.

#include "flash-head-dot.cuh"

// Blocks per multiprocessor for draws. Each block hashes all of x first, so no more are launched than run at once.
static const int DRAWING_BLOCKS_PER_SM = 4;

// The streams of all rows, by all threads of the block together.
static __device__ void flash_head_streams(const flash_head_call & call, unsigned long long * stream) {
    constexpr int warp_size = ggml_cuda_get_physical_warp_size();
    const int thread = flash_head_thread();
    if (thread < call.n_rows) {
        stream[thread] = flash_head_mix(call.seed);
    }
    __syncthreads();
    for (int r = 0; r < call.n_rows; r++) {
        unsigned long long sum = 0;
        for (int i = thread; i < call.n_embd; i += FLASH_HEAD_THREADS) {
            sum += flash_head_draw_column(call.x[r*call.stride_x + i], i);
        }
#pragma unroll
        for (int offset = warp_size/2; offset > 0; offset /= 2) {
            sum += __shfl_xor_sync(0xffffffff, sum, offset, warp_size);
        }
        if (threadIdx.x == 0) {
            atomicAdd(stream + r, sum);
        }
    }
    __syncthreads();
    if (thread < call.n_rows) {
        stream[thread] = flash_head_mix(stream[thread]);
    }
    __syncthreads();
}

// Scores the centroids, a warp each.
//
// 1. If clusters are drawn, the block hashes each row of x to the stream of its random numbers.
// 2. Warps stride over the centroids. For n_rows rows of x at a time it computes the dot products, then lane i
//    keeps that of row r0 + i.
// 3. These lanes write the scores and the keys that rank the clusters: the score, or when drawing score/temperature
//    plus Gumbel noise.
template <ggml_type type, int n_rows>
static __global__ void __launch_bounds__(FLASH_HEAD_THREADS) flash_head_centroids(const flash_head_call call) {
    ggml_cuda_pdl_lc();
    ggml_cuda_pdl_sync();

    __shared__ unsigned long long stream[FLASH_HEAD_CALL_ROWS]; // of the draws
    if (call.draw) {
        flash_head_streams(call, stream);
    }
    const int lane = threadIdx.x;
    for (int c = blockIdx.x*blockDim.y + threadIdx.y; c < call.n_cluster; c += gridDim.x*blockDim.y) {
        for (int r0 = 0; r0 < call.n_rows; r0 += n_rows) {
            float sums[n_rows];
            flash_head_dot<type, n_rows>(call, call.centroids, c, r0, lane, sums);

            float score = sums[0]; // lane i has that of row r0 + i
#pragma unroll
            for (int r = 1; r < n_rows; r++) {
                score = lane == r ? sums[r] : score;
            }
            const int r = r0 + lane;
            if (lane < n_rows && r < call.n_rows) {
                call.scores[(int64_t) r*call.n_cluster + c] = score;
                const float noise = call.draw
                        ? flash_head_draw_gumbel_float(flash_head_draw_bits(stream[r], c)) : 0.0f;
                call.keys[(int64_t) r*call.n_cluster + c] =
                        flash_head_key(call.draw ? score/call.temperature + noise : score);
            }
        }
    }
}

template <ggml_type type>
static void launch(const flash_head_call & call, cudaStream_t stream) {
    const int  device = ggml_cuda_get_device();
    const dim3 block  = flash_head_block_dims(device);

    int n_blocks = (call.n_cluster + block.y - 1)/block.y;
    if (call.draw) {
        n_blocks = std::min(n_blocks, DRAWING_BLOCKS_PER_SM*ggml_cuda_info().devices[device].nsm);
    }

    const ggml_cuda_kernel_launch_params params(dim3(n_blocks, 1, 1), block, 0, stream);
    if (call.n_rows == 1) {
        ggml_cuda_kernel_launch(flash_head_centroids<type, 1>, params, call);
    } else {
        ggml_cuda_kernel_launch(flash_head_centroids<type, 4>, params, call);
    }
}

void flash_head_cuda_centroids(const flash_head_call & call, ggml_type type, cudaStream_t stream) {
    switch (type) {
#define FLASH_HEAD_CASE(TYPE) case GGML_TYPE_##TYPE: launch<GGML_TYPE_##TYPE>(call, stream); break;
        FLASH_HEAD_TYPES(FLASH_HEAD_CASE)
#undef FLASH_HEAD_CASE
        default: GGML_ABORT("no dot product for centroids of type %s", ggml_type_name(type));
    }
}
