#pragma once

// FlashHead in llama.cpp: reads a model's cluster map at load, and rewrites the graphs that are built from it.
// These functions and the class are all that llama.cpp's own files call.

#include "llama-arch.h"
#include "llama-graph.h"
#include "llama-model-loader.h"

#include <memory>

struct ggml_cgraph;
struct llama_cparams;
struct llama_hparams;
struct llama_model;

// The head of one loaded model; freed with it.
struct llama_flash_head;

// The buffer types that tensor may lie in: those of list, but for a head that FlashHead will read, none that repacks
// rows, as a repacked row cannot be gathered.
buft_list_t llama_flash_head_buft_list(
        const llama_model_loader & ml, const llama_hparams & hparams, llm_tensor tensor, const buft_list_t & list);

// FlashHead's part of loading a model, which runs while the other tensors are loaded. ml and model must outlive it.
class llama_flash_head_loading {
public:
    llama_flash_head_loading(const llama_model_loader & ml, const llama_model & model);
    ~llama_flash_head_loading(); // waits

    // Called when the tensors of ctx have their data. If the head is one of them, prepares FlashHead for it, and logs
    // in one line that it is active or why not. Throws std::runtime_error if an environment variable has a bad value.
    void loaded(ggml_context * ctx);

    // Waits until all is prepared. Returns nullptr if the head stays dense. Throws like loaded.
    std::shared_ptr<llama_flash_head> finish();

private:
    const llama_model_loader & ml;
    const llama_model        & model;

    bool begun = false;
    std::shared_ptr<llama_flash_head> head;
};

// Turns the products of model's output weight in graph into FLASH_HEAD ops, if FLASHHEAD_SCOPE has what the graph is
// for: a target, or a draft, which may also use the output weight of its target (cparams.ctx_other).
void llama_flash_head_rewrite(const llama_model & model, const llm_graph_params & params, ggml_cgraph * graph);

// Counts a graph of model that was computed, if the user wants statistics.
void llama_flash_head_count(const llama_model & model, const llama_cparams & cparams, llm_graph_type gtype,
        ggml_cgraph * graph);
