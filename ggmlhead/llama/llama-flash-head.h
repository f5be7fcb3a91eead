#pragma once

// FlashHead in llama.cpp: reads a model's cluster map at load, and rewrites the graphs that are built from it.
// These four functions are all that llama.cpp's own files call.

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

// Prepares FlashHead for a model whose tensors have been loaded, and logs in one line that it is active or why not.
// Returns nullptr if the head stays dense. Throws std::runtime_error if an environment variable has a bad value.
std::shared_ptr<llama_flash_head> llama_flash_head_load(const llama_model_loader & ml, const llama_model & model);

// Turns the products of model's output weight in graph into FLASH_HEAD ops, if FLASHHEAD_SCOPE has what the graph is for:
// a target, or a draft, which may also use the output weight of its target (cparams.ctx_other).
void llama_flash_head_rewrite(const llama_model & model, const llm_graph_params & params, ggml_cgraph * graph);

// Counts a graph of model that was computed, if the user wants statistics.
void llama_flash_head_count(const llama_model & model, const llama_cparams & cparams, llm_graph_type gtype, ggml_cgraph * graph);
