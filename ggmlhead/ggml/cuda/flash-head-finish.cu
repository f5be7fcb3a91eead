// The last kernel: background, and exact logits of what is selected or pinned, one block some tokens of one row of
// activations.

#include "flash-head-best.cuh"
#include "flash-head-dot.cuh"

static __device__ __forceinline__ bool flash_head_is_pinned(const flash_head_call & call, int token) {
    int begin = 0;
    for (int end = call.n_pinned; begin < end; ) { // the first that is not below token
        const int middle = (begin + end)/2;
        if (call.pinned[middle] < token) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin < call.n_pinned && call.pinned[begin] == token;
}

// Whether a token of row r is among the best, or pinned; if not, its estimate stays, but the graph adds the bias.
static __device__ __forceinline__ bool flash_head_is_exact_token(const flash_head_call & call, int r, int token) {
    float & logit = call.logits[r*call.stride_logits + token];
    if (flash_head_is_best(flash_head_best_of(call, FLASH_HEAD_EXACT, r), logit)
            || flash_head_is_pinned(call, token)) {
        return true;
    }
    if (call.bias && flash_head_is_finite(call.bias[token])) {
        logit -= call.bias[token];
    }
    return false;
}

// Whether a token of row r is selected or pinned; if not, writes its background.
static __device__ __forceinline__ bool flash_head_is_exact(const flash_head_call & call, int r, int token) {
    if (call.codes.n_directions > 0) {
        return flash_head_is_exact_token(call, r, token);
    }
    const int     c = call.cluster[token];
    const int64_t i = (int64_t) r*call.n_cluster + c;
    if (flash_head_selected(call.threshold[r], call.keys[i], c) || flash_head_is_pinned(call, token)) {
        return true;
    }
    call.logits[r*call.stride_logits + token] = call.scores[i];
    return false;
}

// Completes the logits of one row, a thread for each token and then a warp for each exact one.
//
// 1. Each thread looks at one token of the block's runs. If it is neither selected nor pinned, the thread writes its
//    background, or keeps its estimate without the bias, and is done with it; otherwise it adds the token to the block's list.
// 2. The warps share the list: each computes exact logits, one after the other, and its first lane writes them.
template <ggml_type type>
static __global__ void __launch_bounds__(FLASH_HEAD_THREADS) flash_head_finish(const flash_head_call call) {
    ggml_cuda_pdl_lc();
    ggml_cuda_pdl_sync();

    __shared__ int n_exact;
    __shared__ int exact[FLASH_HEAD_THREADS]; // tokens
    const int thread = flash_head_thread();
    const int r      = blockIdx.y;
    if (thread == 0) {
        n_exact = 0;
    }
    __syncthreads();

    const int token = flash_head_token_of_run(thread);
    if (token < call.n_vocab && flash_head_is_exact(call, r, token)) {
        exact[atomicAdd(&n_exact, 1)] = token;
    }
    __syncthreads();

    for (int i = threadIdx.y; i < n_exact; i += blockDim.y) {
        float logit;
        flash_head_dot<type, 1>(call, call.weight, exact[i], r, threadIdx.x, &logit);
        if (threadIdx.x == 0) {
            call.logits[r*call.stride_logits + exact[i]] = logit;
        }
    }
}

template <ggml_type type>
static void launch(const flash_head_call & call, cudaStream_t stream) {
    const int n_blocks = (call.n_vocab + FLASH_HEAD_THREADS - 1)/FLASH_HEAD_THREADS;
    const ggml_cuda_kernel_launch_params params(dim3(n_blocks, call.n_rows, 1),
            flash_head_block_dims(ggml_cuda_get_device()), 0, stream);
    ggml_cuda_kernel_launch(flash_head_finish<type>, params, call);
}

void flash_head_cuda_finish(const flash_head_call & call, ggml_type type, cudaStream_t stream) {
    switch (type) {
#define FLASH_HEAD_CASE(TYPE) case GGML_TYPE_##TYPE: launch<GGML_TYPE_##TYPE>(call, stream); break;
        FLASH_HEAD_TYPES(FLASH_HEAD_CASE)
#undef FLASH_HEAD_CASE
        default: GGML_ABORT("no dot product for weights of type %s", ggml_type_name(type));
    }
}

bool flash_head_cuda_has_dot(ggml_type type) {
    switch (type) {
#define FLASH_HEAD_CASE(TYPE) case GGML_TYPE_##TYPE:
        FLASH_HEAD_TYPES(FLASH_HEAD_CASE)
#undef FLASH_HEAD_CASE
            return true;
        default:
            return false;
    }
}
