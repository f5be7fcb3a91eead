#include "flash-head-product.h"

#include "flash-head-dot.h"
#include "ggml-cpp.h"

#include <string.h>

// tensors of a graph with one product
static const size_t GRAPH_SIZE = 4;

static ggml_context_ptr new_context(flash_head_product & product) {
    product.graph_memory.resize(GRAPH_SIZE*ggml_tensor_overhead() + ggml_graph_overhead_custom(GRAPH_SIZE, false));
    return ggml_context_ptr(ggml_init({ product.graph_memory.size(), product.graph_memory.data(),
            /*.no_alloc =*/ true }));
}

// computes node on the host's threads
static enum ggml_status run(flash_head_product & product, ggml_context * ctx, ggml_tensor * node) {
    ggml_cgraph * graph = ggml_new_graph_custom(ctx, GRAPH_SIZE, false);
    ggml_build_forward_expand(graph, node);

    ggml_cplan plan = product.host.graph_plan(graph, product.n_threads, flash_head_host_threads());
    if (product.graph_work.size() < plan.work_size) {
        product.graph_work.resize(plan.work_size);
    }
    plan.work_data = product.graph_work.data();
    return product.host.graph_compute(graph, &plan);
}

// a matrix over existing rows, nb1 bytes apart
static ggml_tensor * view_of(ggml_context * ctx, ggml_type type, int64_t ne0, int64_t ne1, size_t nb1,
        const void * data) {
    ggml_tensor * t = ggml_new_tensor_2d(ctx, type, ne0, ne1);
    t->nb[1] = nb1;
    t->nb[2] = t->nb[3] = nb1*ne1;
    t->data  = (void *) data;
    return t;
}

// shared by the threads of one product by retrieval
struct sparse_product {
    flash_head          head;
    flash_head_params   params;
    const ggml_tensor * x;
    flash_head_product * product;

    flash_head_totals * totals; // or nullptr: no counting
};

// one thread's view of the barrier
struct sparse_barrier {
    flash_head_barrier * barrier;
    int                  n;
};

static void wait_at(void * data) {
    const sparse_barrier * b = (const sparse_barrier *) data;
    b->barrier->wait(b->n);
}

static void compute_part(ggml_tensor * logits, int ith, int nth, void * data) {
    const sparse_product * s = (const sparse_product *) data;
    sparse_barrier barrier = { &s->product->barrier, nth };
    flash_head_counts counts = {};
    flash_head_compute(&s->head, &s->params, (const float *) s->x->data, s->x->nb[1], (float *) logits->data,
            logits->nb[1],
            s->x->ne[1], s->product->work.data(), { ith, nth, wait_at, &barrier, s->totals ? &counts : nullptr });
    if (s->totals) {
        s->totals->add(counts);
    }
}

// by retrieval; exact if n_probe is the number of clusters. Adds to totals unless nullptr.
static enum ggml_status compute_sparse(
        flash_head_product & product, const flash_head_weight & weight, int32_t n_probe, ggml_tensor * node,
        flash_head_totals * totals) {
    const flash_head_model & model = *weight.model;
    const ggml_tensor      * x     = node->src[1];

    sparse_product s;
    s.head.n_embd       = model.n_embd;
    s.head.n_vocab      = model.n_vocab;
    s.head.n_cluster    = model.map.n_cluster;
    s.head.n_pinned     = (int64_t) model.map.pinned.size();
    s.head.weight       = nullptr;
    s.head.ordered      = weight.rows;
    s.head.centroids    = weight.centroids.data();
    s.head.cluster      = model.map.cluster.data();
    s.head.position     = model.map.position.data();
    s.head.tokens       = model.map.tokens.data();
    s.head.offsets      = model.map.offsets.data();
    s.head.pinned       = model.map.pinned.data();
    s.head.codes        = { model.map.n_directions, model.map.coarse_bits, model.map.fine_bytes, weight.coarse.data(),
            weight.fine.data(), weight.basis.data() };
    s.head.bias         = model.bias.empty() ? nullptr : model.bias.data();
    s.head.weight_dot   = flash_head_dot_of(product.host.get_type_traits, model.type,                   model.n_embd);
    s.head.centroid_dot = flash_head_dot_of(product.host.get_type_traits, model.settings.centroid_type, model.n_embd);
    s.head.grouped      = weight.grouped;
    s.params   = { n_probe, model.settings.mode, model.settings.temperature, model.settings.seed,
            flash_head_n_near(model.map, n_probe), model.settings.tolerance };
    s.x        = x;
    s.product  = &product;
    s.totals   = totals;

    const size_t work_size = flash_head_work_size(&s.head, x->ne[1], product.n_threads);
    if (product.work.size() < work_size) {
        product.work.resize(work_size);
    }
    if (product.n_threads == 1) {
        compute_part(node, 0, 1, &s);
        return GGML_STATUS_SUCCESS;
    }
    ggml_context_ptr ctx = new_context(product);
    ggml_tensor * none   = nullptr;
    ggml_tensor * logits = ggml_custom_4d(ctx.get(), GGML_TYPE_F32, node->ne[0], node->ne[1], 1, 1, &none, 0,
            compute_part, GGML_N_TASKS_MAX, &s);
    logits->data = node->data;
    return run(product, ctx.get(), logits);
}

// as the host would, with the weight's rows at data
static enum ggml_status compute_as_host(flash_head_product & product, const ggml_tensor * weight, size_t row_size,
        const void * data, ggml_tensor * node) {
    const ggml_tensor * x = node->src[1];

    ggml_context_ptr ctx = new_context(product);
    ggml_tensor * w = view_of(ctx.get(), weight->type,  weight->ne[0], weight->ne[1], row_size, data);
    ggml_tensor * a = view_of(ctx.get(), GGML_TYPE_F32, x->ne[0],      x->ne[1],      x->nb[1], x->data);
    ggml_tensor * y = ggml_mul_mat(ctx.get(), w, a);
    memcpy(y->op_params, node->op_params, sizeof(y->op_params)); // the precision that the model requests
    y->data = node->data;
    return run(product, ctx.get(), y);
}

enum ggml_status flash_head_product_compute_plain(flash_head_product & product, ggml_tensor * node) {
    return compute_as_host(product, node->src[0], node->src[0]->nb[1], node->src[0]->data, node);
}

static enum ggml_status compute(flash_head_product & product, flash_head_weight & weight, ggml_tensor * node,
        bool dense) {
    const flash_head_model & model = *weight.model;

    if (weight.differs && weight.failed) {
        return GGML_STATUS_ALLOC_FAILED;
    }
    if (weight.differs) { // so the file's rows cannot be used
        return compute_sparse(product, weight, (int32_t) model.map.n_cluster, node, nullptr);
    }
    if (dense) {
        // as they are in the file
        return compute_as_host(product, node->src[0], weight.row_size, model.rows->data, node);
    }
    return compute_sparse(product, weight, model.settings.n_probe, node,
            weight.statistics ? &weight.statistics->totals : nullptr);
}

enum ggml_status flash_head_product_compute(flash_head_product & product, flash_head_weight & weight,
        ggml_tensor * node, bool lora) {
    const int32_t max_rows = weight.model->settings.max_rows;
    flash_head_weight_prepare(weight);
    if (lora) {
        flash_head_weight_say_lora(weight);
    }
    const bool dense = weight.differs || weight.foreign || weight.failed || weight.lora || lora
            || (max_rows > 0 && node->ne[1] > max_rows);
    const enum ggml_status status = compute(product, weight, node, dense);
    if (weight.statistics) {
        weight.statistics->add(node->ne[1], dense);
    }
    return status;
}
