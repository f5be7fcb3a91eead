#pragma once

// The number of a head's rows at run time. Header only, for programs that need nothing else of a head.

#include "ggml.h"
#include "gguf.h"

#include <string.h>

// The rows of weight, a tensor of the file with keys gguf and tensors tensors. Normally all rows. The exception is
// gemma3n in Ollama's library: its tied head has rows of images and sounds after those of text, and Ollama's llama.cpp
// cuts it to the rows of the per-layer embeddings (llama/compat, handle_gemma3n).
static inline int64_t flash_head_n_vocab(const gguf_context * gguf, ggml_context * tensors,
        const ggml_tensor * weight) {
    const int64_t arch = gguf_find_key(gguf, "general.architecture");
    if (arch < 0 || gguf_get_kv_type(gguf, arch) != GGUF_TYPE_STRING
            || strcmp(gguf_get_val_str(gguf, arch), "gemma3n") != 0
            || strcmp(weight->name, "token_embd.weight") != 0) {
        return weight->ne[1];
    }
    const ggml_tensor * by_layer = ggml_get_tensor(tensors, "per_layer_token_embd.weight");
    return by_layer != nullptr && by_layer->ne[1] < weight->ne[1] ? by_layer->ne[1] : weight->ne[1];
}
