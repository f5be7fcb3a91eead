#include "llama-flash-head-rows.h"

#include "llama-context.h"
#include "llama-flash-head-exact.h"
#include "llama-flash-head-state.h"
#include "llama-impl.h"
#include "llama-model.h"

#include <algorithm>
#include <iterator>

static_assert(LLAMA_FLASH_HEAD_MAX_CHECK == GGML_FLASH_HEAD_DENSE_ROWS, "a check is one product");

// rows of a check, filled up with zeros
static const int32_t SIZES[] = { 1, 8, 16, 24, LLAMA_FLASH_HEAD_MAX_CHECK };

// the most nodes and leaves from the head's input on
static const int GRAPH_SIZE = 256;

// the product with the head in graph; nullptr if there is none
static ggml_tensor * product_of(const llama_flash_head & head, ggml_cgraph * graph) {
    for (int i = ggml_graph_n_nodes(graph) - 1; i >= 0; i--) {
        ggml_tensor * node = ggml_graph_node(graph, i);
        if (head.is_product(node)) {
            return node;
        }
    }
    return nullptr;
}

int64_t llama_flash_head_rows::n_embd() const {
    return head.weight->ne[0];
}

void llama_flash_head_rows::keep(const llama_ubatch & ubatch, ggml_cgraph * graph) {
    if (ubatch.data == nullptr) {
        return;
    }
    const ggml_tensor * product = product_of(head, graph);
    const ggml_tensor * x       = product ? product->src[1] : nullptr;
    // the batch index of each of x's rows
    std::vector<int32_t> indices;
    for (uint32_t i = 0; i < ubatch.n_tokens; i++) {
        const size_t index = ubatch.data->batch_idxs[i];
        if (index < origins.size()) {
            origins[index] = NONE; // an earlier batch's
        }
        if (x != nullptr && (ubatch.output[i] || x->ne[1] == ubatch.n_tokens)) {
            indices.push_back((int32_t) index);
        }
    }
    if (indices.empty() || (int64_t) indices.size() != x->ne[1] || x->type != GGML_TYPE_F32 || !ggml_is_contiguous(x)) {
        return;
    }
    ggml_backend_t backend = ggml_backend_sched_get_tensor_backend(ctx.sched.get(), const_cast<ggml_tensor *>(x));
    const size_t   n_most  = *std::max_element(indices.begin(), indices.end()) + 1;
    if (origins.size() < n_most) {
        kept   .resize(n_most*n_embd());
        origins.resize(n_most);
    }
    for (size_t r = 0; r < indices.size(); r++) {
        ggml_backend_tensor_get_async(backend, x, kept.data() + indices[r]*n_embd(), r*x->nb[1],
                n_embd()*sizeof(float));
        origins[indices[r]] = llama_flash_head::is_dense(product) ? DENSE : FLASH;
    }
}

const float * llama_flash_head_rows::row(int32_t i, bool * is_exact) const {
    if (i < 0 || (size_t) i >= origins.size() || origins[i] == NONE) {
        return nullptr;
    }
    *is_exact = origins[i] == DENSE;
    return kept.data() + i*n_embd();
}

void llama_flash_head_rows::rest(bool rests) {
    head.rests = rests;
    ctx.gf_res_prev_active = nullptr; // the last graph must not be used again
}

// Builds t for n rows, with the dense head or FlashHead. Returns false, with t in no state to be used, if the model's
// graph is not as expected or there is no memory.
bool llama_flash_head_rows::build(tail & t, int32_t n, bool is_dense) {
    t.sched.reset(ggml_backend_sched_new(ctx.backend_ptrs.data(), ctx.backend_buft.data(),
            (int) ctx.backend_ptrs.size(), GRAPH_SIZE, /*parallel =*/ false, /*op_offload =*/ false));
    t.model = std::make_unique<llm_graph_result>(ctx.graph_max_nodes(n));

    // as llama_context::graph_reserve does
    const int32_t            n_seqs   = (int32_t) ctx.cparams.n_seq_max;
    const int32_t            n_tokens = (n + n_seqs - 1)/n_seqs;
    llama_memory_context_ptr memory   = ctx.memory->init_full();
    llama_batch_allocr       balloc(ctx.model.hparams.n_pos_per_embd());
    llama_ubatch             ubatch   = balloc.ubatch_reserve(n_tokens, n_seqs);
    for (uint32_t i = 0; i < ubatch.n_tokens; i++) {
        ubatch.n_seq_id[i] = 1;
        ubatch.seq_id  [i] = &ubatch.seq_id_unq[i/n_tokens];
        ubatch.output  [i] = i < (uint32_t) n;
    }
    llm_graph_params params = ctx.graph_params(t.model.get(), ubatch, memory.get(), LLM_GRAPH_TYPE_DEFAULT);
    params.n_outputs = n;
    params.samplers.clear();
    params.sched = t.sched.get();
    params.cb    = [](const llama_ubatch &, ggml_tensor * node, const char * name, int) { ggml_set_name(node, name); };

    t.model->reset();
    const bool rested = head.rests.exchange(is_dense);
    ggml_cgraph * graph   = ctx.model.build_graph(params);
    ggml_tensor * product = graph ? product_of(head, graph) : nullptr;
    head.rests = rested;
    if (product == nullptr || product->src[1]->ne[1] != n || t.model->get_logits() == nullptr
            || llama_flash_head::is_dense(product) != is_dense) {
        return false;
    }

    t.rows = ggml_new_tensor_2d(t.model->get_ctx(), GGML_TYPE_F32, n_embd(), n);
    ggml_set_name (t.rows, "flash_head_rows");
    ggml_set_input(t.rows);
    product->src[1] = t.rows;
    t.product = is_dense && product->op == GGML_OP_FLASH_HEAD ? product : nullptr;
    if (!is_dense) {
        ggml_flash_head_set_totals(product, nullptr); // statistics are of what is generated
    }

    t.logits = t.model->get_logits();
    ggml_set_output(t.logits);
    t.graph = ggml_new_graph_custom(t.model->get_ctx(), GRAPH_SIZE, /*grads =*/ false);
    ggml_build_forward_expand(t.graph, t.logits);
    ggml_backend_sched_reset(t.sched.get()); // of what the whole graph was given
    return ggml_backend_sched_alloc_graph(t.sched.get(), t.graph);
}

const float * llama_flash_head_rows::check(const float * rows, int32_t n) {
    // few sizes, so that few graphs are built and kept
    const int32_t n_rows = *std::lower_bound(std::begin(SIZES), std::end(SIZES), n);
    return compute(tails[n_rows], rows, n, n_rows, /*is_dense =*/ true);
}

const float * llama_flash_head_rows::estimate(const float * row) {
    return compute(estimates, row, 1, 1, /*is_dense =*/ false);
}

// The logits of n rows by t, which is built for n_rows if it is not yet; nullptr if that fails.
const float * llama_flash_head_rows::compute(tail & t, const float * rows, int32_t n, int32_t n_rows, bool is_dense) {
    if (!t.model) {
        t.built = build(t, n_rows, is_dense);
    }
    if (!t.built) {
        return nullptr;
    }
    ggml_backend_tensor_set(t.rows, rows, 0, n*n_embd()*sizeof(float));
    if (n < n_rows) {
        ggml_backend_tensor_memset(t.rows, 0, n*t.rows->nb[1], (n_rows - n)*t.rows->nb[1]);
    }
    if (t.product != nullptr) {
        ggml_flash_head_set_n_rows(t.product, n);
    }
    if (ggml_backend_sched_graph_compute(t.sched.get(), t.graph) != GGML_STATUS_SUCCESS) {
        return nullptr;
    }
    if (ggml_backend_buffer_is_host(t.logits->buffer)) {
        return (const float *) t.logits->data;
    }
    logits.resize(n*t.logits->ne[0]);
    ggml_backend_tensor_get(t.logits, logits.data(), 0, logits.size()*sizeof(float));
    return logits.data();
}

bool llama_flash_head_keep_rows(llama_context * ctx) {
    llama_flash_head * head = ctx->get_model().flash_head.get();
    if (head == nullptr || !head->target.active || !ctx->get_memory()
            || ctx->get_cparams().ctx_type != LLAMA_CONTEXT_TYPE_DEFAULT) {
        return false;
    }
    head->keeps_rows = true;
    ctx->flash_head_rows = std::make_shared<llama_flash_head_rows>(*ctx, *head);
    llama_flash_head_rest(ctx, false);
    return true;
}

int32_t llama_flash_head_exact_setting(const llama_context * ctx) {
    const llama_flash_head * head = ctx->get_model().flash_head.get();
    return head ? head->exact : 0;
}

bool llama_flash_head_wants_statistics(const llama_context * ctx) {
    const llama_flash_head * head = ctx->get_model().flash_head.get();
    return head && head->target.statistics != nullptr;
}

const float * llama_flash_head_row(llama_context * ctx, int32_t i, bool * is_exact) {
    return ctx->flash_head_rows->row(i, is_exact);
}

int32_t llama_flash_head_row_size(const llama_context * ctx) {
    return (int32_t) ctx->flash_head_rows->n_embd();
}

const float * llama_flash_head_check(llama_context * ctx, const float * rows, int32_t n) {
    GGML_ASSERT(n >= 1 && n <= LLAMA_FLASH_HEAD_MAX_CHECK);
    return ctx->flash_head_rows->check(rows, n);
}

const float * llama_flash_head_estimate(llama_context * ctx, const float * row) {
    return ctx->flash_head_rows->estimate(row);
}

void llama_flash_head_show(llama_context * ctx, const float * logits) {
    ctx->flash_head_rows->shown = logits;
}

void llama_flash_head_rest(llama_context * ctx, bool rests) {
    ctx->flash_head_rows->rest(rests);
}

float * llama_flash_head_shown(const llama_context & ctx) {
    return ctx.flash_head_rows ? const_cast<float *>(ctx.flash_head_rows->shown) : nullptr;
}
