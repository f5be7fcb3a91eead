#pragma once

// Computes the product of a head with activations, on the host's threads.

#include "flash-head-barrier.h"
#include "flash-head-host.h"
#include "flash-head-weight.h"

#include "ggml.h"

#include <vector>

// Scratch of one context, reused for each product. Not thread-safe.
struct flash_head_product {
    const flash_head_host & host;

    int                  n_threads = 1; // as the host asks
    flash_head_barrier   barrier;
    std::vector<uint8_t> work;          // of flash_head_compute
    std::vector<uint8_t> graph_work;    // of the host's CPU library
    std::vector<uint8_t> graph_memory;  // of the graphs that it is given

    explicit flash_head_product(const flash_head_host & host) : host(host) {}
};

// Computes node, a MUL_MAT F32 [n_vocab, n] of weight and F32 activations [n_embd, n]: by retrieval, or dense if there
// are too many rows or a LoRA adapter changes the head. May throw.
enum ggml_status flash_head_product_compute(flash_head_product & product, flash_head_weight & weight,
        ggml_tensor * node, bool lora);

// Computes node, a MUL_MAT F32 of another weight and F32 activations, with the host's CPU library. May throw.
enum ggml_status flash_head_product_compute_plain(flash_head_product & product, ggml_tensor * node);
