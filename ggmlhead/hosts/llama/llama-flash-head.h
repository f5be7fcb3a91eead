#pragma once

// FlashHead in llama.cpp: reads a model's cluster map at load, and rewrites the graphs that are built from it.
// These functions and the class are all that llama.cpp's own files call.

#include "llama-arch.h"
#include "llama-graph.h"
#include "llama-model-loader.h"

#include <memory>
#include <string>
#include <vector>

struct ggml_cgraph;
struct llama_context;
struct llama_hparams;
struct llama_model;

// The head of one loaded model; freed with it.
struct llama_flash_head;

// Where the keys of a model's head are: in its own file or in a map file. Freed with the model's loader.
struct llama_flash_head_keys;

// Looks for them. metadata is that of the model, path its first file or "" for a model of no path, and splits all files
// of a model of several.
std::shared_ptr<const llama_flash_head_keys> llama_flash_head_keys_find(
        const gguf_context * metadata, const std::string & path, const std::vector<std::string> & splits);

// The buffer types for tensor: those of list. For a head that FlashHead will read, without those that repack rows,
// because a repacked row cannot be gathered; unless the head is the token embeddings, whose rows are kept as well.
buft_list_t llama_flash_head_buft_list(
        const llama_model_loader & ml, const llama_hparams & hparams, llm_tensor tensor, const buft_list_t & list);

// FlashHead's part of loading a model, in parallel with the other tensors. ml and model must outlive it.
class llama_flash_head_loading {
public:
    llama_flash_head_loading(const llama_model_loader & ml, const llama_model & model);
    ~llama_flash_head_loading(); // waits

    // Called when the tensors of ctx have their data. Once the head has, prepares FlashHead and logs one line:
    // active, or why not. Throws std::runtime_error if an environment variable has a bad value.
    void loaded(ggml_context * ctx);

    // Waits for the preparation. Returns nullptr if the head stays dense. Throws like loaded.
    std::shared_ptr<llama_flash_head> finish();

private:
    const llama_model_loader & ml;
    const llama_model        & model;

    bool has_output = false, has_rows = false; // their data
    bool begun      = false;
    std::shared_ptr<llama_flash_head> head;
};

// Turns the products with model's output weight in graph into FLASH_HEAD ops, if FLASHHEAD_SCOPE includes the graph's
// purpose: target or draft. A draft may also use its target's output weight (cparams.ctx_other).
void llama_flash_head_rewrite(const llama_model & model, const llm_graph_params & params, ggml_cgraph * graph);

// Called when ctx has computed a graph for ubatch: counts, if statistics are on, and keeps the rows that entered the
// head, if somebody asked for them (llama-flash-head-exact.h).
void llama_flash_head_computed(
        llama_context & ctx, llm_graph_type gtype, const llama_ubatch & ubatch, ggml_cgraph * graph);

// The logits that ctx shows instead of its own, or nullptr.
float * llama_flash_head_shown(const llama_context & ctx);
