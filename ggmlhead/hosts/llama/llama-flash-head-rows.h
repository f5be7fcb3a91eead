#pragma once

// What a context knows about its head's rows and exact logits (llama-flash-head-exact.h). llama_context has it as a
// member and as a friend.

#include "ggml-backend.h"
#include "ggml-cpp.h"
#include "llama-batch.h"
#include "llama-graph.h"

#include <map>
#include <memory>
#include <vector>

struct llama_context;
struct llama_flash_head;

class llama_flash_head_rows {
public:
    llama_flash_head_rows(llama_context & ctx, llama_flash_head & head) : ctx(ctx), head(head) {}

    // Keeps the rows that entered the head in graph, which was computed for ubatch.
    void keep(const llama_ubatch & ubatch, ggml_cgraph * graph);

    // Of token i of the last batch; nullptr if there is none.
    const float * row(int32_t i, bool * is_exact) const;

    // The dense logits of rows [n][n_embd], or nullptr.
    const float * check(const float * rows, int32_t n);

    // FlashHead's logits of a row [n_embd], or nullptr.
    const float * estimate(const float * row);

    int64_t n_embd() const;

    // what llama_get_logits_ith returns, or nullptr for what it has
    const float * shown = nullptr;

    void rest(bool rests);

private:
    // The part of a model's graph from the head's input on.
    struct tail {
        std::unique_ptr<llm_graph_result> model;  // all that the model built
        ggml_cgraph                     * graph;  // from rows to logits
        ggml_tensor                     * rows;   // [n_embd, n]
        ggml_tensor                     * product; // a FLASH_HEAD in mode dense, or nullptr
        ggml_tensor                     * logits; // [n_vocab, n]
        ggml_backend_sched_ptr            sched;  // holds graph's memory
        bool                              built = false;
    };

    llama_context    & ctx;
    llama_flash_head & head;

    // of the last batch
    enum origin : uint8_t { NONE, FLASH, DENSE };

    std::vector<float>  kept;    // [tokens][n_embd]; only rows of outputs are set
    std::vector<origin> origins; // of each token's logits; NONE: no row was kept

    std::map<int32_t, tail> tails;     // of the dense head, by number of rows
    tail                    estimates; // of FlashHead, for one row
    std::vector<float>      logits;    // of the last one, on a device

    bool          build  (tail & t, int32_t n, bool is_dense);
    const float * compute(tail & t, const float * rows, int32_t n, int32_t n_rows, bool is_dense);
};
