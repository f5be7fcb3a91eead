// The first kernel: scores of all centroids, and what the clusters are ranked by. The blocks after those that do this take the
// projections for a sketch, which need nothing but x either.

#include "flash-head-dot.cuh"
#include "flash-head-project.cuh"

// Blocks a multiprocessor for draws, before which each block hashes all of x: so many surely run at once.
static const int DRAWING_BLOCKS_PER_SM = 4;

struct flash_head_centroids_shared {
    unsigned long long stream[FLASH_HEAD_CALL_ROWS]; // of the draws
};

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

// n_rows: that a centroid is scored for at a time
template <ggml_type type, int n_rows>
static __global__ void __launch_bounds__(FLASH_HEAD_THREADS) flash_head_centroids(const flash_head_call call, const int n_blocks) {
    ggml_cuda_pdl_lc();
    ggml_cuda_pdl_sync();

    if ((int) blockIdx.x >= n_blocks) {
        flash_head_project(call, blockIdx.x - n_blocks);
        return;
    }
    flash_head_centroids_shared & shared = *(flash_head_centroids_shared *) flash_head_shared;
    if (call.draw) {
        flash_head_streams(call, shared.stream);
    }
    const int lane = threadIdx.x;
    for (int c = blockIdx.x*blockDim.y + threadIdx.y; c < call.n_cluster; c += n_blocks*blockDim.y) {
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
                if (!call.by_tokens) {
                    const float noise = call.draw ? flash_head_draw_gumbel_float(flash_head_draw_bits(shared.stream[r], c)) : 0.0f;
                    call.keys[r*call.n_keys + c] = flash_head_key(call.draw ? score/call.temperature + noise : score);
                }
            }
        }
    }
}

template <ggml_type type>
static void launch(const flash_head_call & call, cudaStream_t stream) {
    const int    device  = ggml_cuda_get_device();
    const dim3   block   = flash_head_block_dims(device);
    const int    n_parts = call.by_tokens ? (int) flash_head_sketch_n_parts(call.n_embd) : 0;
    const size_t shared  = std::max(sizeof(flash_head_centroids_shared), sizeof(flash_head_project_shared));

    int n_blocks = (call.n_cluster + block.y - 1)/block.y;
    if (call.draw) {
        n_blocks = std::min(n_blocks, DRAWING_BLOCKS_PER_SM*ggml_cuda_info().devices[device].nsm);
    }

    const ggml_cuda_kernel_launch_params params(dim3(n_blocks + n_parts, 1, 1), block, shared, stream);
    if (call.n_rows == 1) {
        ggml_cuda_kernel_launch(flash_head_centroids<type, 1>, params, call, n_blocks);
    } else {
        ggml_cuda_kernel_launch(flash_head_centroids<type, 4>, params, call, n_blocks);
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
