#pragma once

// The head of one loaded model. Private to those who load it and those who rewrite graphs with it.

#include "llama-flash-head.h"

#include "flash-head-statistics.h"
#include "ggml-cpp.h"
#include "ggml-flash-head.h"

#include <atomic>
#include <future>
#include <memory>
#include <string>

// A head's state for one side of speculative decoding.
struct llama_flash_head_side {
    bool active = false; // in scope; otherwise its products stay dense

    ggml_flash_head_params params = {};

    std::unique_ptr<flash_head_statistics> statistics; // or nullptr
};

struct llama_flash_head {
    ggml_tensor * output = nullptr; // the model's own: what its graphs multiply
    ggml_tensor * weight = nullptr; // its rows as they are in the file, for FlashHead: mostly the same tensor

    ggml_flash_head_sources sources = {};

    int64_t max_rows = 0;     // 0: no limit
    bool    host     = false; // the weight is in host memory, so the CPU backend runs the op
    bool    grouped  = false; // the centroids lie in groups (flash-head-centroids.h)

    bool                  is_draft = false; // the model is loaded as a draft
    llama_flash_head_side target, draft;

    ggml_context_ptr        ctx;    // of the tensors in sources
    ggml_backend_buffer_ptr buffer; // of their data

    int32_t           exact      = 0;     // FLASHHEAD_EXACT
    std::atomic<bool> keeps_rows = false; // graphs keep the rows that enter the head
    std::atomic<bool> rests      = false; // graphs that are built now are dense

    std::atomic<bool> lora_said    = false; // contexts may build graphs at once
    std::atomic<bool> sampler_said = false;
    std::atomic<bool> mtp_said     = false;

    // whether node is the product with the head, FlashHead or dense
    bool is_product(const ggml_tensor * node) const {
        return node->op == GGML_OP_FLASH_HEAD ? node->src[0] == weight
                                              : node->op == GGML_OP_MUL_MAT && node->src[0] == output;
    }

    // whether such a node gives the dense head's logits
    static bool is_dense(const ggml_tensor * node) {
        return node->op == GGML_OP_MUL_MAT || ggml_flash_head_get_params(node).mode == GGML_FLASH_HEAD_DENSE;
    }

    // Whether a product in mode dense can take node's place. It is faster than ggml's: it asks for rows of the weight
    // before they are needed, and reads them once for all rows of activations. A repacked head has a fast product of its
    // own.
    bool has_dense(const ggml_tensor * node) const {
        return host && weight == output && node->ne[1] >= 1 && node->ne[1] <= GGML_FLASH_HEAD_DENSE_ROWS;
    }

    void replace_dense(ggml_tensor * node) const {
        ggml_flash_head_params  params = target.params;
        ggml_flash_head_sources dense  = sources;
        params.mode   = GGML_FLASH_HEAD_DENSE;
        params.n_rows = (int32_t) node->ne[1];
        dense.bias    = nullptr;
        replace(node, dense, params);
    }

    // Turns node, a product with output, into FlashHead's with these sources and parameters.
    void replace(ggml_tensor * node, const ggml_flash_head_sources & sources,
            const ggml_flash_head_params & params) const {
        node->src[0] = weight;
        ggml_flash_head_replace_mul_mat(node, &sources, &params);
    }

    llama_flash_head_side & side(bool is_draft) { return is_draft ? draft : target; }

    // while the model loads
    std::future<void>        filling;  // the tensors get their data
    std::future<std::string> checking; // of a map file: why it does not fit the head's bytes, or ""
    std::string              map_path; // of that file, or ""
    std::string              summary;  // for the log, once the tensors have their data
};
