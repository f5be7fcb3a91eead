#include "llama-flash-head-rows.h"
#include "llama-flash-head-state.h"

#include "ggml-backend.h"
#include "llama-adapter.h"
#include "llama-context.h"
#include "llama-graph.h"
#include "llama-impl.h"
#include "llama-model.h"

#include <algorithm>

// whether an adapter in use changes weight
static bool has_lora(const llm_graph_params & params, ggml_tensor * weight) {
    if (params.loras == nullptr) {
        return false;
    }
    return std::any_of(params.loras->begin(), params.loras->end(), [&](const auto & lora) {
        return lora.first->get_weight(weight) != nullptr;
    });
}

// whether node is the product with a head, as llama.cpp builds it
static bool is_head_product(const llama_flash_head & head, const ggml_tensor * node) {
    return node->op == GGML_OP_MUL_MAT && node->src[0] == head.output;
}

// whether the op can replace such a product
static bool is_replaceable(const ggml_tensor * node) {
    const ggml_tensor * x = node->src[1];
    return x->type == GGML_TYPE_F32 && x->nb[0] == sizeof(float) && ggml_is_matrix(x)
        && node->op_params[1] == GGML_HINT_NONE;
}

// Whether graph adds bias to the product node. A draft that borrows the head may not.
static bool adds_bias(ggml_cgraph * graph, const ggml_tensor * node, const ggml_tensor * bias) {
    for (int i = 0; i < ggml_graph_n_nodes(graph); i++) {
        const ggml_tensor * sum = ggml_graph_node(graph, i);
        if (sum->op == GGML_OP_ADD && sum->src[0] == node && sum->src[1] == bias) {
            return true;
        }
    }
    return false;
}

// whether tokens are drawn in the graph, where nobody can check them, although they are to be exact
static bool draws_unchecked(llama_flash_head & head, const llm_graph_params & params) {
    if (!head.keeps_rows || params.samplers.empty()) {
        return false;
    }
    if (!head.sampler_said.exchange(true)) {
        LLAMA_LOG_INFO("flash_head: exact: samplers in the model's graph draw from the dense head\n");
    }
    return true;
}

// Lets node, a product with the head, be computed by FlashHead or, while that rests, by our dense head. Leaves it to ggml
// where neither can.
static void replace_product(const llama_flash_head & head, const llama_flash_head_side & side, bool rests,
        ggml_cgraph * graph, ggml_tensor * node) {
    if (rests) {
        if (head.has_dense(node)) {
            head.replace_dense(node);
        }
        return;
    }
    if (head.max_rows > 0 && node->ne[1] > head.max_rows) {
        return;
    }
    ggml_flash_head_sources sources = head.sources;
    if (sources.bias && !adds_bias(graph, node, sources.bias)) {
        sources.bias = nullptr;
    }
    head.replace(node, sources, side.params);
}

// all products with the head in a graph of the target or of its draft
static void rewrite(llama_flash_head & head, const llm_graph_params & params, bool is_draft, ggml_cgraph * graph) {
    const llama_flash_head_side & side = head.side(is_draft);
    if (!side.active) {
        return;
    }
    if (has_lora(params, head.output)) {
        if (!head.lora_said.exchange(true)) {
            LLAMA_LOG_WARN("flash_head: a LoRA adapter changes the head; running dense\n");
        }
        return;
    }
    const bool rests = !is_draft && (head.rests || draws_unchecked(head, params));
    bool used = false;
    for (int i = 0; i < ggml_graph_n_nodes(graph); i++) {
        ggml_tensor * node = ggml_graph_node(graph, i);
        if (!is_head_product(head, node)) {
            continue;
        }
        used = true;
        if (head.keeps_rows) {
            ggml_set_output(node->src[1]);
        }
        if (!is_replaceable(node)) {
            continue;
        }
        replace_product(head, side, rests, graph, node);
        if (node->op == GGML_OP_FLASH_HEAD && head.host) {
            // large batches might be offloaded
            ggml_backend_sched_set_tensor_backend(params.sched, node, params.backend_cpu);
            ggml_flash_head_set_totals(node, side.statistics ? &side.statistics->totals : nullptr);
        }
    }
    if (!used && params.gtype == LLM_GRAPH_TYPE_DECODER_MTP && !head.mtp_said.exchange(true)) {
        LLAMA_LOG_INFO("flash_head: the MTP head has an output weight of its own; it runs dense\n");
    }
}

// the model of which a draft uses the head, or nullptr
static const llama_model * lender_of(const llama_model & model, const llama_cparams & cparams) {
    const llama_model * other = cparams.ctx_other ? llama_get_model(cparams.ctx_other) : nullptr;
    return other != &model ? other : nullptr;
}

// whether graphs of this type are a draft's, which they all are in a draft model
static bool is_drafts_graph(const llama_flash_head & head, llm_graph_type gtype) {
    return head.is_draft || gtype == LLM_GRAPH_TYPE_DECODER_MTP;
}

void llama_flash_head_rewrite(const llama_model & model, const llm_graph_params & params, ggml_cgraph * graph) {
    if (llama_flash_head * head = model.flash_head.get()) {
        rewrite(*head, params, is_drafts_graph(*head, params.gtype), graph);
    }
    const llama_model * lender = lender_of(model, params.cparams);
    if (lender != nullptr && lender->flash_head) {
        rewrite(*lender->flash_head, params, /*is_draft =*/ true, graph);
    }
}

static void count(llama_flash_head & head, bool is_draft, ggml_cgraph * graph) {
    flash_head_statistics * statistics = head.side(is_draft).statistics.get();
    if (statistics == nullptr) {
        return;
    }
    for (int i = 0; i < ggml_graph_n_nodes(graph); i++) {
        const ggml_tensor * node = ggml_graph_node(graph, i);
        if (head.is_product(node)) {
            statistics->add(ggml_nrows(node), llama_flash_head::is_dense(node));
        }
    }
}

void llama_flash_head_computed(
        llama_context & ctx, llm_graph_type gtype, const llama_ubatch & ubatch, ggml_cgraph * graph) {
    const llama_model & model = ctx.get_model();
    if (llama_flash_head * head = model.flash_head.get()) {
        count(*head, is_drafts_graph(*head, gtype), graph);
    }
    const llama_model * lender = lender_of(model, ctx.get_cparams());
    if (lender != nullptr && lender->flash_head) {
        count(*lender->flash_head, /*is_draft =*/ true, graph);
    }
    if (ctx.flash_head_rows) {
        ctx.flash_head_rows->keep(ubatch, graph);
    }
}
