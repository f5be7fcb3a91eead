#pragma once

// How many rows of its weight a head has at run time. Header only: programs with nothing else of a head ask, too.

#include "ggml.h"
#include "gguf.h"

#include <string.h>

// The rows of weight, a tensor of the file whose keys are gguf and whose tensors are tensors. They are all rows, but
// for a gemma3n as Ollama's library has it: its embedding, which is its head, has rows of images and sounds behind
// those of text, and Ollama's llama.cpp cuts it to the rows of the embeddings by layer (llama/compat, handle_gemma3n).
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
