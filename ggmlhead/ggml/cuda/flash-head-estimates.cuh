#pragma once

// Estimates of all tokens by the sketch, a thread a token, where their logits belong; and the keys of a sample of them.

#include "flash-head-call.cuh"

struct flash_head_estimates_shared {
    flash_head_code code[FLASH_HEAD_CALL_ROWS];
};

// Adds up the projections of row r and rounds them, by the lanes of a warp together, as flash_head_sketch_round does.
static __device__ __forceinline__ void flash_head_round(const flash_head_call & call, int r, int lane, flash_head_code * code) {
    constexpr int warp_size = ggml_cuda_get_physical_warp_size();
    constexpr int n         = FLASH_HEAD_SKETCH_MAX_RANK/warp_size; // directions a lane
    const int     n_parts   = (int) flash_head_sketch_n_parts(call.n_embd);

    float sums[n] = {};
    float most = 0.0f, all = 0.0f;
#pragma unroll
    for (int k = 0; k < n; k++) {
        const int j = k*warp_size + lane;
        for (int part = 0; j < call.rank && part < n_parts; part++) {
            sums[k] += call.parts[(r*n_parts + part)*call.rank + j];
        }
        most = fmaxf(most, fabsf(sums[k]));
        all += fabsf(sums[k]);
    }
    most = warp_reduce_max<warp_size>(most);
    all  = warp_reduce_sum<warp_size>(all);

    const int   size  = flash_head_key(all); // which tells even a compiler for fast mathematics what is not a number
    const bool  sound = size > 0 && size <= flash_head_key(FLT_MAX); // else there is nothing to estimate with
    const float scale = sound ? most/127.0f : 0.0f;
    int sum = 0;
#pragma unroll
    for (int k = 0; k < n; k++) {
        const int j = k*warp_size + lane;
        const int value = sound ? (int) roundf(sums[k]/scale) : 0;
        if (j < call.rank) {
            code->values[j] = (int8_t) value;
            sum += value;
        }
    }
    sum = warp_reduce_sum<warp_size>(sum);
    if (lane == 0) {
        code->offset = -8*sum;
        code->scale  = scale;
    }
}

// n_rows: of the call, or more
template <int n_rows>
static __global__ void __launch_bounds__(FLASH_HEAD_THREADS) flash_head_estimates(const flash_head_call call) {
    ggml_cuda_pdl_lc();
    ggml_cuda_pdl_sync();

    flash_head_estimates_shared & shared = *(flash_head_estimates_shared *) flash_head_shared;
    for (int r = threadIdx.y; r < call.n_rows; r += blockDim.y) {
        flash_head_round(call, r, threadIdx.x, &shared.code[r]);
    }
    __syncthreads();

    const int v = blockIdx.x*FLASH_HEAD_THREADS + flash_head_thread();
    if (v >= call.n_vocab) {
        return;
    }
    const int       t     = v % FLASH_HEAD_GROUP;
    const uint8_t * group = call.sketch + v/FLASH_HEAD_GROUP*(int64_t) flash_head_sketch_group_size(call.rank);
    const float     scale = flash_head_upper_to_float(((const uint16_t *) group)[t]);
    const int     * lines = (const int *) (group + FLASH_HEAD_GROUP*sizeof(uint16_t)) + t;

    int sums[n_rows];
#pragma unroll
    for (int r = 0; r < n_rows; r++) {
        sums[r] = r < call.n_rows ? shared.code[r].offset : 0;
    }
    for (int line = 0; line < call.rank/FLASH_HEAD_LINE_COLUMNS; line++) {
        const int values = lines[line*FLASH_HEAD_GROUP];
        const int low    =  values       & 0x0f0f0f0f;
        const int high   = (values >> 4) & 0x0f0f0f0f;
#pragma unroll
        for (int r = 0; r < n_rows; r++) {
            if (r < call.n_rows) {
                const int * code = (const int *) shared.code[r].values + 2*line;
                sums[r] = ggml_cuda_dp4a(low,  code[0], sums[r]);
                sums[r] = ggml_cuda_dp4a(high, code[1], sums[r]);
            }
        }
    }
    const int  c       = call.cluster[v];
    const int  i       = v/(int) call.sample.stride;
    const bool sampled = flash_head_sample_token(call.sample, i, call.n_vocab) == v;
#pragma unroll
    for (int r = 0; r < n_rows; r++) {
        if (r < call.n_rows) {
            const float e = sums[r]*shared.code[r].scale*scale + call.scores[(int64_t) r*call.n_cluster + c];
            call.logits[r*call.stride_logits + v] = e;
            if (sampled) {
                call.keys[r*call.n_keys + i] = flash_head_key(e);
            }
        }
    }
}
