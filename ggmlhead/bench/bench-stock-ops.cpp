// A head by retrieval that is composed of ops that every ggml has: what a backend without FLASH_HEAD could run. The measurements in
// docs/gpu.md say why nothing does.
//
// Clusters are of equal size m, and the weight lies in their order, as [D, m, K]:
//     scores   = MUL_MAT(centroids, x)                  [K]
//     ids      = TOP_K(scores, P)                       [P]
//     exact    = rows of clusters ids, times x          [m, P]
//     ordered  = SET_ROWS(REPEAT(scores), exact, ids)   [m, K]: the background, over which the exact logits are written
//     logits   = GET_ROWS(ordered, position)            [V] in the order of tokens

#include "bench-head.h"

#include <stdexcept>
#include <vector>

static const size_t N_TENSORS = 32;

void bench_head::make_stock(ggml_backend_t backend) {
    ctx_stock.reset(ggml_init({ 2*ggml_tensor_overhead(), nullptr, true }));
    centroids_stock = ggml_new_tensor_2d(ctx_stock.get(), shape.centroid_type, shape.n_embd, n_cluster);
    position_stock  = ggml_new_tensor_1d(ctx_stock.get(), GGML_TYPE_I32, shape.n_vocab);
    buffer_stock.reset(ggml_backend_alloc_ctx_tensors(ctx_stock.get(), backend));
    if (!buffer_stock) {
        throw std::runtime_error("no memory for a second set of centroids");
    }
    const std::vector<uint8_t> rows = centroid_rows();
    ggml_backend_tensor_set(centroids_stock, rows.data(), 0, rows.size());
    ggml_backend_tensor_set(position_stock, (const int32_t *) sources.places->data + shape.n_vocab, 0, ggml_nbytes(position_stock));
}

// [m, P] of the clusters ids
static ggml_tensor * exact_logits(ggml_context * c, ggml_tensor * ordered, ggml_tensor * x, ggml_tensor * ids, int64_t n_cluster, bench_stock_rows how) {
    const int64_t n_embd = ordered->ne[0], m = ordered->ne[1]/n_cluster, n_probe = ids->ne[0];
    if (how == BENCH_STOCK_EXPERTS) {
        ggml_tensor * experts = ggml_view_3d(c, ordered, n_embd, m, n_cluster, ordered->nb[1], m*ordered->nb[1], 0);
        ggml_tensor * out     = ggml_mul_mat_id(c, experts, ggml_reshape_3d(c, x, n_embd, 1, 1), ids);
        return ggml_reshape_2d(c, out, m, n_probe);
    }
    ggml_tensor * clusters = ggml_view_2d(c, ordered, n_embd*m, n_cluster, m*ordered->nb[1], 0);
    ggml_tensor * rows     = ggml_get_rows(c, clusters, ids);
    ggml_tensor * out      = ggml_mul_mat(c, ggml_reshape_2d(c, rows, n_embd, m*n_probe), x);
    return ggml_reshape_2d(c, out, m, n_probe);
}

double bench_head::run_stock(ggml_backend_t backend, int32_t n_probe, bench_stock_rows how) {
    if (sources.ordered == nullptr || shape.n_vocab % n_cluster != 0 || x->ne[1] != 1) {
        throw std::runtime_error("stock ops want clusters of equal size, a cluster-ordered copy and one row");
    }
    if (!ctx_stock) {
        make_stock(backend);
    }
    const int64_t V = shape.n_vocab, K = n_cluster, m = V/K;
    ggml_context_ptr owner(ggml_init({ N_TENSORS*ggml_tensor_overhead() + 2*ggml_graph_overhead_custom(N_TENSORS, false), nullptr, true }));
    ggml_context * c = owner.get();

    ggml_tensor * scores  = ggml_mul_mat(c, centroids_stock, x);
    ggml_tensor * ids     = ggml_top_k(c, scores, n_probe);
    ggml_tensor * exact   = exact_logits(c, sources.ordered, x, ids, K, how);
    ggml_tensor * back    = ggml_repeat_4d(c, ggml_reshape_2d(c, scores, 1, K), m, K, 1, 1);
    ggml_tensor * ordered = ggml_set_rows(c, back, exact, ids);
    ggml_tensor * out     = ggml_get_rows(c, ggml_reshape_2d(c, ordered, 1, V), position_stock);
    return time_of(backend, c, out);
}
