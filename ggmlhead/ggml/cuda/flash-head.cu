// The op on a device: its arguments, its scratch memory and the order of its kernels.

#include "flash-head.cuh"

#include "flash-head-best.cuh"
#include "flash-head-threshold.cuh"
#include "ggml-cuda/quantize.cuh"

#include "../../core/flash-head-allowance.h"
#include "../op/ggml-flash-head.h"

static bool is_wide(const ggml_tensor * rows, const ggml_tensor * x) {
    return ggml_cuda_is_aligned(rows, 16) && ggml_cuda_is_aligned(x, 16);
}

static flash_head_rows rows_of(const ggml_tensor * t, const ggml_tensor * x) {
    return { (const char *) t->data, (int64_t) t->nb[1], is_wide(t, x) };
}

// the call for all rows of dst but for its scratch memory
static flash_head_call call_of(const ggml_tensor * dst) {
    const ggml_tensor * weight    = dst->src[GGML_FLASH_HEAD_SRC_WEIGHT];
    const ggml_tensor * x         = dst->src[GGML_FLASH_HEAD_SRC_X];
    const ggml_tensor * centroids = dst->src[GGML_FLASH_HEAD_SRC_CENTROIDS];
    const ggml_tensor * pinned    = dst->src[GGML_FLASH_HEAD_SRC_PINNED];

    const ggml_flash_head_params op = ggml_flash_head_get_params(dst);

    flash_head_call call = {};
    call.n_rows        = (int) dst->ne[1];
    call.n_embd        = (int) weight->ne[0];
    call.n_vocab       = (int) weight->ne[1];
    call.n_cluster     = (int) centroids->ne[1];
    call.n_pinned      = pinned ? (int) pinned->ne[0] : 0;
    call.weight        = rows_of(weight, x);
    call.centroids     = rows_of(centroids, x);
    call.x             = (const float *) x->data;
    call.stride_x      = x->nb[1]/sizeof(float);
    call.cluster       = (const int *) dst->src[GGML_FLASH_HEAD_SRC_PLACES]->data;
    call.pinned        = pinned ? (const int *) pinned->data : nullptr;
    call.draw          = op.mode == GGML_FLASH_HEAD_SAMPLE;
    call.temperature   = op.temperature;
    call.seed          = op.seed;
    call.logits        = (float *) dst->data;
    call.stride_logits = dst->nb[1]/sizeof(float);
    return call;
}

// Adds what a call needs that selects tokens by their codes, but for its scratch memory.
static void add_codes(const ggml_tensor * dst, flash_head_call & call) {
    const ggml_tensor * coarse = dst->src[GGML_FLASH_HEAD_SRC_COARSE];
    const ggml_tensor * fine   = dst->src[GGML_FLASH_HEAD_SRC_FINE];
    const ggml_tensor * bias   = ggml_flash_head_get_bias(dst);

    const ggml_flash_head_params op = ggml_flash_head_get_params(dst);

    call.codes.n_directions = op.n_directions;
    call.codes.n_bits       = ggml_flash_head_coarse_bits(coarse);
    call.codes.fine_bytes   = (int) (fine->ne[0] - sizeof(uint16_t));
    call.codes.coarse       = coarse->data;
    call.codes.fine         = fine->data;
    call.codes.basis        = (const float *) dst->src[GGML_FLASH_HEAD_SRC_BASIS]->data;
    call.bias               = bias ? (const float *) bias->data : nullptr;
    call.tolerance          = op.tolerance;

    const int64_t n_exact = flash_head_least_exact(op.n_probe, call.n_vocab, call.n_cluster);
    call.n_best[FLASH_HEAD_EXACT] = (int) n_exact;
    call.n_best[FLASH_HEAD_NEAR]  = (int) std::min<int64_t>(flash_head_least_near(op.n_near, n_exact), INT_MAX);
}

// Scratch memory of codes, for n_rows rows.
struct codes_memory {
    ggml_cuda_pool_alloc<float>            parts;
    ggml_cuda_pool_alloc<flash_head_query> queries;
    ggml_cuda_pool_alloc<signed char>      slots;
    ggml_cuda_pool_alloc<int>              bins;
    ggml_cuda_pool_alloc<flash_head_best>  best;

    codes_memory(ggml_cuda_pool & pool, flash_head_call & call, int64_t n_rows)
        : parts(pool), queries(pool), slots(pool), bins(pool), best(pool) {
        if (call.codes.n_directions == 0) {
            return;
        }
        const int64_t n_parts = flash_head_cuda_n_parts(call.n_embd);
        call.parts   = parts.alloc(n_rows*n_parts*(call.codes.n_directions + 2));
        call.queries = queries.alloc(n_rows);
        call.slots   = slots.alloc(n_rows*std::max(flash_head_fine_max_slots(call.codes.fine_bytes), 1));
        call.bins    = bins.alloc(FLASH_HEAD_CHOICES*n_rows*FLASH_HEAD_BEST_BINS);
        call.best    = best.alloc(FLASH_HEAD_CHOICES*n_rows);
    }
};

// the threshold that n clusters a row reach
static void find_threshold(const flash_head_call & call, int n, cudaStream_t stream) {
    const ggml_cuda_kernel_launch_params params(dim3(call.n_rows, 1, 1), dim3(FLASH_HEAD_SELECT_THREADS, 1, 1), 0,
            stream);
    ggml_cuda_kernel_launch(flash_head_find_threshold, params, call, n);
}

void ggml_cuda_flash_head(ggml_backend_cuda_context & ctx, ggml_tensor * dst) {
    const ggml_type type          = dst->src[GGML_FLASH_HEAD_SRC_WEIGHT]->type;
    const ggml_type centroid_type = dst->src[GGML_FLASH_HEAD_SRC_CENTROIDS]->type;
    const int       n_probe       = ggml_flash_head_get_params(dst).n_probe;
    cudaStream_t    stream        = ctx.stream();

    flash_head_call call = call_of(dst);
    if (dst->src[GGML_FLASH_HEAD_SRC_COARSE] && !call.draw) {
        add_codes(dst, call);
    }
    const int64_t n_rows = call.n_rows;
    const int64_t n_most = std::min<int64_t>(n_rows, FLASH_HEAD_CALL_ROWS);

    ggml_cuda_pool_alloc<float>                scores   (ctx.pool(), n_most*call.n_cluster);
    ggml_cuda_pool_alloc<int>                  keys     (ctx.pool(), n_most*call.n_cluster);
    ggml_cuda_pool_alloc<flash_head_threshold> threshold(ctx.pool(), n_most);
    const codes_memory                         codes    (ctx.pool(), call, n_most);
    ggml_cuda_pool_alloc<block_q8_1>           x_q8_1   (ctx.pool()); // the last to allocate, and to free
    call.scores    = scores.get();
    call.keys      = keys.get();
    call.threshold = threshold.get();
    const int64_t n_blocks = call.n_embd/QK8_1; // of a row of x
    if (ggml_is_quantized(type) || ggml_is_quantized(centroid_type)) {
        call.x_q8_1 = x_q8_1.alloc(n_rows*n_blocks);
        quantize_row_q8_1_cuda(call.x, nullptr, x_q8_1.get(), type, call.n_embd, call.stride_x, n_rows*call.stride_x,
                n_rows*call.stride_x, call.n_embd, n_rows, 1, 1, stream);
    }

    for (int64_t r0 = 0; r0 < n_rows; r0 += n_most) {
        flash_head_call part = call;
        part.n_rows  = (int) std::min(n_rows - r0, n_most);
        part.x      += r0*call.stride_x;
        part.x_q8_1 += call.x_q8_1 ? r0*n_blocks : 0;
        part.logits += r0*call.stride_logits;

        flash_head_cuda_centroids(part, centroid_type, stream);
        if (call.codes.n_directions > 0) {
            flash_head_cuda_query(part, stream);
            flash_head_cuda_estimate(part, stream);
        } else {
            find_threshold(part, n_probe, stream);
        }
        flash_head_cuda_finish(part, type, stream);
    }
}

bool ggml_cuda_flash_head_supported(int device, const ggml_tensor * op) {
    const ggml_tensor * weight = op->src[GGML_FLASH_HEAD_SRC_WEIGHT];

    const bool ordered = op->src[GGML_FLASH_HEAD_SRC_ORDERED] && !op->src[GGML_FLASH_HEAD_SRC_COARSE];
    const ggml_flash_head_params params = ggml_flash_head_get_params(op);
    if (ordered || params.grouped || params.mode == GGML_FLASH_HEAD_DENSE) {
        return false;
    }
    if (!flash_head_cuda_has_dot(weight->type)
            || !flash_head_cuda_has_dot(op->src[GGML_FLASH_HEAD_SRC_CENTROIDS]->type)) {
        return false;
    }
    for (int i = 0; i < GGML_MAX_SRC; i++) {
        const ggml_tensor * src = op->src[i];
        if (src && src->buffer && i != GGML_FLASH_HEAD_SRC_X
                && ggml_backend_buffer_get_type(src->buffer) != ggml_backend_cuda_buffer_type(device)) {
            // so a head in the host's memory stays there: the scheduler would copy all of it for a large batch
            return false;
        }
    }
    return weight->ne[0] <= INT_MAX && weight->ne[1] <= INT_MAX;
}
