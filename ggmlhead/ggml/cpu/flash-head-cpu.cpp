#include "flash-head-cpu.h"

#include "flash-head-confirm.h"
#include "flash-head-dot.h"
#include "flash-head-totals.h"
#include "ggml-cpu-impl.h"
#include "ggml-flash-head.h"

static_assert(FLASH_HEAD_MODE_TOP    == (int) GGML_FLASH_HEAD_TOP,    "modes differ");
static_assert(FLASH_HEAD_MODE_SAMPLE == (int) GGML_FLASH_HEAD_SAMPLE, "modes differ");
static_assert(FLASH_HEAD_DENSE_MAX_ROWS == GGML_FLASH_HEAD_DENSE_ROWS, "numbers of rows differ");

static flash_head_dot dot_of(enum ggml_type type, int64_t n_embd) {
    return flash_head_dot_of(ggml_get_type_traits_cpu, type, n_embd);
}

static const int32_t * list(const struct ggml_tensor * t) {
    return t ? (const int32_t *) t->data : nullptr;
}

static void barrier(void * threadpool) {
    ggml_barrier((struct ggml_threadpool *) threadpool);
}

// the codes of node's head; reads no data
static struct flash_head_codes codes_of(const struct ggml_tensor * node) {
    struct flash_head_codes codes = {};
    if (const struct ggml_tensor * coarse = node->src[GGML_FLASH_HEAD_SRC_COARSE]) {
        const struct ggml_tensor * fine = node->src[GGML_FLASH_HEAD_SRC_FINE];
        codes.n_directions = ggml_flash_head_get_params(node).n_directions;
        codes.n_bits       = ggml_flash_head_coarse_bits(coarse);
        codes.fine_bytes   = (int32_t) (fine->ne[0] - sizeof(uint16_t));
        codes.coarse       = coarse->data;
        codes.fine         = fine->data;
        codes.basis        = (const float *) node->src[GGML_FLASH_HEAD_SRC_BASIS]->data;
    }
    return codes;
}

// the head of node; reads no data, which may not be there yet
static struct flash_head head_of(const struct ggml_tensor * node) {
    const struct ggml_tensor * offsets     = node->src[GGML_FLASH_HEAD_SRC_OFFSETS];
    const struct ggml_tensor * weight      = node->src[GGML_FLASH_HEAD_SRC_WEIGHT];
    const struct ggml_tensor * centroids   = node->src[GGML_FLASH_HEAD_SRC_CENTROIDS];
    const struct ggml_tensor * places      = node->src[GGML_FLASH_HEAD_SRC_PLACES];
    const struct ggml_tensor * pinned      = node->src[GGML_FLASH_HEAD_SRC_PINNED];
    const struct ggml_tensor * coarse      = node->src[GGML_FLASH_HEAD_SRC_COARSE];
    const struct ggml_tensor * ordered     = coarse ? nullptr : node->src[GGML_FLASH_HEAD_SRC_ORDERED];
    const struct ggml_tensor * bias        = ggml_flash_head_get_bias(node);

    struct flash_head head;
    head.n_embd       = weight->ne[0];
    head.n_vocab      = weight->ne[1];
    head.n_cluster    = offsets->ne[0] - 1;
    head.n_pinned     = pinned ? pinned->ne[0] : 0;
    head.weight       = weight->data;
    head.ordered      = ordered ? ordered->data : nullptr;
    head.centroids    = centroids->data;
    head.cluster      = list(places);
    head.position     = places->data ? list(places) + head.n_vocab : nullptr;
    head.tokens       = list(ggml_flash_head_get_tokens(node));
    head.offsets      = list(offsets);
    head.pinned       = list(pinned);
    head.codes        = codes_of(node);
    head.bias         = bias ? (const float *) bias->data : nullptr;
    head.weight_dot   = dot_of(weight->type,    head.n_embd);
    head.centroid_dot = dot_of(centroids->type, head.n_embd);
    head.grouped      = ggml_flash_head_get_params(node).grouped;
    return head;
}

static struct flash_head_dense dense_of(const struct ggml_tensor * node) {
    const struct ggml_tensor * weight = node->src[GGML_FLASH_HEAD_SRC_WEIGHT];
    return { weight->data, weight->ne[0], weight->ne[1], weight->type, dot_of(weight->type, weight->ne[0]) };
}

// bytes of dense's work for a product, and of each thread's for the best tokens
static size_t product_size(const struct flash_head_dense & dense, int64_t n_rows, int n_threads) {
    return (flash_head_dense_work_size(&dense, (int) n_rows, n_threads) + 63)/64*64;
}

static size_t confirm_size(const struct flash_head_dense & dense) {
    return (flash_head_confirm_work_size(&dense) + 63)/64*64;
}

static void compute_dense(const struct ggml_compute_params * params, struct ggml_tensor * dst) {
    const struct ggml_tensor     * x      = dst->src[GGML_FLASH_HEAD_SRC_X];
    const struct flash_head_dense  dense  = dense_of(dst);
    const int32_t                  n_rows = ggml_flash_head_get_params(dst).n_rows;
    const struct flash_head_thread thread = { params->ith, params->nth, barrier, params->threadpool, nullptr };

    flash_head_dense_run(&dense, (const float *) x->data, x->nb[1], n_rows, (float *) dst->data, dst->nb[1],
            params->wdata, thread);
    if (flash_head_dense_is_exact(&dense, n_rows)) {
        return;
    }
    ggml_barrier(params->threadpool);

    char * work = (char *) params->wdata + product_size(dense, n_rows, params->nth) + params->ith*confirm_size(dense);
    for (int32_t r = params->ith; r < n_rows; r += params->nth) {
        flash_head_confirm(&dense, (const float *) ((const char *) x->data + r*x->nb[1]),
                (float *) ((char *) dst->data + r*dst->nb[1]), work);
    }
}

void ggml_compute_forward_flash_head(const struct ggml_compute_params * params, struct ggml_tensor * dst) {
    if (ggml_flash_head_get_params(dst).mode == GGML_FLASH_HEAD_DENSE) {
        return compute_dense(params, dst);
    }
    const struct ggml_tensor           * x    = dst->src[GGML_FLASH_HEAD_SRC_X];
    const struct ggml_flash_head_params  op   = ggml_flash_head_get_params(dst);
    const struct flash_head              head = head_of(dst);

    flash_head_totals * totals = (flash_head_totals *) ggml_flash_head_get_totals(dst);

    const struct flash_head_params run = { op.n_probe, op.mode, op.temperature, op.seed, op.n_near, op.tolerance };

    struct flash_head_counts counts = {};
    const struct flash_head_thread thread =
            { params->ith, params->nth, barrier, params->threadpool, totals ? &counts : nullptr };

    GGML_ASSERT(params->wsize >= ggml_flash_head_work_size(dst, params->nth));

    flash_head_compute(&head, &run,
            (const float *) x->data, x->nb[1], (float *) dst->data, dst->nb[1], x->ne[1], params->wdata, thread);

    if (totals) {
        totals->add(counts);
    }
}

size_t ggml_flash_head_work_size(const struct ggml_tensor * node, int n_threads) {
    if (ggml_flash_head_get_params(node).mode == GGML_FLASH_HEAD_DENSE) {
        const struct flash_head_dense dense = dense_of(node);
        return product_size(dense, node->ne[1], n_threads) + n_threads*confirm_size(dense);
    }
    const struct flash_head head = head_of(node);
    return flash_head_work_size(&head, node->ne[1], n_threads);
}

bool ggml_flash_head_supported(const struct ggml_tensor * node) {
    const struct ggml_tensor * weight    = node->src[GGML_FLASH_HEAD_SRC_WEIGHT];
    const struct ggml_tensor * centroids = node->src[GGML_FLASH_HEAD_SRC_CENTROIDS];

    return ggml_get_type_traits_cpu(weight->type)->vec_dot    != nullptr &&
           ggml_get_type_traits_cpu(centroids->type)->vec_dot != nullptr;
}
