// The kernels that read the codes: coarse estimates of all tokens, and fine ones of the best.

#include "flash-head-best.cuh"

#include "ggml-cuda/vecdotq.cuh"

#define FLASH_HEAD_WORDS         (FLASH_HEAD_COARSE_LINE/4)             // of a line of either code
#define FLASH_HEAD_GROUP_THREADS (FLASH_HEAD_COARSE_GROUP/2)            // a group of tokens; two tokens each
#define FLASH_HEAD_SHARES        (FLASH_HEAD_GROUP_THREADS/FLASH_HEAD_WORDS) // threads that share a word's lines

// A BF16 value as float.
static __device__ __forceinline__ float flash_head_scale(const void * scales, int64_t i) {
    return __uint_as_float((uint32_t) ((const uint16_t *) scales)[i] << 16);
}

// Of this thread's lines of a group: the sums of what their bits add. Byte i of the thread's word of a line belongs to
// two tokens: the low half to sums[i % 2], the high half to sums[2 + i % 2], and there to the half i/2.
static __device__ __forceinline__ void flash_head_sum_lines(const uint8_t * lines, int n_lines,
        const int4 * tables, int word, int share, uint32_t * sums) {
    sums[0] = sums[1] = sums[2] = sums[3] = 0;
    for (int line = share; line < n_lines; line += FLASH_HEAD_SHARES) {
        const int  bits = ((const int *) (lines + line*FLASH_HEAD_COARSE_LINE))[word];
        const int2 add  = get_int_from_table_16(bits, (const int8_t *) (tables + line));
        sums[0] += (uint32_t) add.x      & 0x00ff00ff;
        sums[1] += (uint32_t) add.x >> 8 & 0x00ff00ff;
        sums[2] += (uint32_t) add.y      & 0x00ff00ff;
        sums[3] += (uint32_t) add.y >> 8 & 0x00ff00ff;
    }
    // at most 64 lines of 255 fit into 16 bits
#pragma unroll
    for (int offset = FLASH_HEAD_WORDS; offset < FLASH_HEAD_GROUP_THREADS; offset *= 2) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            sums[i] += __shfl_xor_sync(0xffffffff, sums[i], offset, ggml_cuda_get_physical_warp_size());
        }
    }
}

// Estimates all tokens of row blockIdx.y, 32 threads a group of 64 tokens.
//
// 1. The block copies the row's tables.
// 2. Eight threads read a line of four bits of each token, a word each, and look up what these add. Another four lines
//    are read by the next threads at the same time.
// 3. Threads with the same word add up their sums. Then each completes two of the word's eight tokens.
// 4. The greatest estimate is noted.
static __global__ void __launch_bounds__(FLASH_HEAD_THREADS) flash_head_estimate(const flash_head_call call,
        int group_size, int n_groups) {
    ggml_cuda_pdl_lc();
    ggml_cuda_pdl_sync();

    __shared__ int4 tables[FLASH_HEAD_COARSE_MAX_BITS/4];
    const int r       = blockIdx.y;
    const int thread  = flash_head_thread();
    const int n_lines = call.codes.n_bits/4;
    const flash_head_query & query = call.queries[r];
    for (int i = thread; i < n_lines*4; i += FLASH_HEAD_THREADS) {
        ((int *) tables)[i] = ((const int *) query.tables)[i];
    }
    __syncthreads();

    const int  g     = blockIdx.x*(FLASH_HEAD_THREADS/FLASH_HEAD_GROUP_THREADS) + thread/FLASH_HEAD_GROUP_THREADS;
    const int  word  = thread % FLASH_HEAD_WORDS;
    const int  share = thread % FLASH_HEAD_GROUP_THREADS/FLASH_HEAD_WORDS;
    const bool there = g < n_groups; // all threads have to come to the exchange
    const uint8_t * group = (const uint8_t *) call.codes.coarse + (int64_t) (there ? g : 0)*group_size;
    uint32_t sums[4];
    flash_head_sum_lines(group + FLASH_HEAD_COARSE_GROUP*sizeof(uint16_t), there ? n_lines : 0, tables, word, share,
            sums);

    int most = INT32_MIN;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int      t    = half*FLASH_HEAD_GROUP_THREADS + 4*word + share; // in the group
        const int      v    = g*FLASH_HEAD_COARSE_GROUP + t;
        const uint32_t both = share % 2 == 0 ? sums[2*half] : sums[2*half + 1];
        if (there && v < call.n_vocab) {
            const float sum   = (float) (both >> share/2*16 & 0xffff);
            const float score = call.scores[(int64_t) r*call.n_cluster + call.cluster[v]];
            float estimate = flash_head_scale(group, t)*(sum*query.unit + query.offset)
                    + (score + query.variances[0]);
            if (call.bias && flash_head_is_finite(call.bias[v])) {
                estimate += call.bias[v];
            }
            call.logits[r*call.stride_logits + v] = estimate;
            most = max(most, flash_head_key(estimate));
        }
    }
    flash_head_note_most(most, &flash_head_best_of(call, FLASH_HEAD_NEAR, r).most);
}

// This thread's share of the sum of a fine code's values times slots: a word of each line.
static __device__ __forceinline__ int flash_head_sum_fine(const int * code, const int * n_lines, const int * slots,
        int word) {
    int sum = 0;
#pragma unroll
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        const int bits = 4 >> w;
        const int mask = 0x01010101*((1 << bits) - 1); // of a slot in each byte
        for (int line = 0; line < n_lines[w]; line++) {
            const uint32_t values = code[word];
#pragma unroll
            for (int shift = 0; shift < 8; shift += bits) {
                sum    = ggml_cuda_dp4a((int) (values >> shift & mask), slots[word], sum);
                slots += FLASH_HEAD_WORDS;
            }
            code += FLASH_HEAD_WORDS;
        }
    }
    return sum;
}

// Adds the fine code of those tokens of row blockIdx.y whose coarse estimates are best.
//
// 1. Each thread looks at one token of the block's runs. If its coarse estimate is among the best, the thread adds the
//    token to the block's list.
// 2. Eight threads together read the code of a token in the list, a word of each line. The first adds its estimate.
// 3. The greatest of all estimates is noted, fine ones and coarse ones.
static __global__ void __launch_bounds__(FLASH_HEAD_THREADS) flash_head_refine(const flash_head_call call) {
    ggml_cuda_pdl_lc();
    ggml_cuda_pdl_sync();

    __shared__ int n_near;
    __shared__ int list[FLASH_HEAD_THREADS]; // tokens
    const int thread = flash_head_thread();
    const int r      = blockIdx.y;
    float   * logits = call.logits + r*call.stride_logits;
    if (thread == 0) {
        n_near = 0;
    }
    __syncthreads();

    int most = INT32_MIN;
    const int token = flash_head_token_of_run(thread);
    if (token < call.n_vocab) {
        const float estimate = logits[token];
        if (flash_head_is_best(flash_head_best_of(call, FLASH_HEAD_NEAR, r), estimate)) {
            list[atomicAdd(&n_near, 1)] = token;
        } else {
            most = flash_head_key(estimate);
        }
    }
    __syncthreads();

    const flash_head_query & query  = call.queries[r];
    const int                size   = call.codes.fine_bytes;
    const uint8_t          * codes  = (const uint8_t *) call.codes.fine;
    const uint8_t          * scales = codes + (int64_t) call.n_vocab*size;
    const int              * slots  =
            (const int *) (call.slots + (int64_t) r*flash_head_fine_max_slots(call.codes.fine_bytes));
    const float              add    = query.variances[1] - query.variances[0];
    const int                word   = thread % FLASH_HEAD_WORDS;
    for (int first = 0; first < n_near; first += FLASH_HEAD_THREADS/FLASH_HEAD_WORDS) {
        const int  i     = first + thread/FLASH_HEAD_WORDS;
        const bool there = i < n_near; // all threads have to come to the exchange
        const int  v     = list[there ? i : 0];
        int sum = there ? flash_head_sum_fine((const int *) (codes + (int64_t) v*size), query.n_lines, slots, word) : 0;
#pragma unroll
        for (int offset = 1; offset < FLASH_HEAD_WORDS; offset *= 2) {
            sum += __shfl_xor_sync(0xffffffff, sum, offset, ggml_cuda_get_physical_warp_size());
        }
        if (there && word == 0) {
            const float estimate = logits[v]
                    + (flash_head_scale(scales, v)*((float) sum*query.fine_unit + query.fine_offset) + add);
            logits[v] = estimate;
            most = max(most, flash_head_key(estimate));
        }
    }
    flash_head_note_most(most, &flash_head_best_of(call, FLASH_HEAD_EXACT, r).most);
}

void flash_head_cuda_estimate(const flash_head_call & call, cudaStream_t stream) {
    const dim3 block    = flash_head_block_dims(ggml_cuda_get_device());
    const int  n_groups = (int) flash_head_coarse_n_groups(call.n_vocab);
    const int  n_blocks = (n_groups + FLASH_HEAD_THREADS/FLASH_HEAD_GROUP_THREADS - 1)
            /(FLASH_HEAD_THREADS/FLASH_HEAD_GROUP_THREADS);

    const ggml_cuda_kernel_launch_params coarse(dim3(n_blocks, call.n_rows, 1), block, 0, stream);
    ggml_cuda_kernel_launch(flash_head_estimate, coarse, call, (int) flash_head_coarse_group_size(call.codes.n_bits),
            n_groups);
    flash_head_cuda_choose(call, FLASH_HEAD_NEAR, stream);

    const ggml_cuda_kernel_launch_params fine(
            dim3((call.n_vocab + FLASH_HEAD_THREADS - 1)/FLASH_HEAD_THREADS, call.n_rows, 1), block, 0, stream);
    ggml_cuda_kernel_launch(flash_head_refine, fine, call);
    flash_head_cuda_choose(call, FLASH_HEAD_EXACT, stream);
}
