#pragma once

// The cluster map: what a converted GGUF says about its head (docs/gguf-format.md). Host-independent.

#include "ggml.h"
#include "gguf.h"

#include <stdint.h>
#include <string>
#include <vector>

struct flash_head_map {
    int64_t   n_cluster     = 0;               // K
    int32_t   n_probe       = 0;               // P
    ggml_type centroid_type = GGML_TYPE_COUNT;

    std::vector<int32_t> cluster;  // [V]: cluster of each token
    std::vector<int32_t> position; // [V]: where each token stands in tokens
    std::vector<int32_t> tokens;   // [V]: tokens, cluster by cluster, ascending within one
    std::vector<int32_t> offsets;  // [K + 1]: where each cluster begins in tokens
    std::vector<int32_t> pinned;   // tokens always scored exactly, ascending

    // of the codes (flash-head-codes.h); no directions: no codes
    int32_t            n_directions = 0;
    int32_t            coarse_bits  = 0;  // a token
    int32_t            fine_bytes   = 0;  // a token
    int32_t            n_near       = 0;  // tokens whose fine code is read, at least
    float              tolerance    = 0;  // divergence that a row's estimates may be expected to cost, nats; 0: any
    std::vector<float> code_rows;         // [n_directions][n_embd]: directions on which residuals are projected
    std::vector<float> code_activations;  // [n_directions][n_embd]: the matching directions for activations
    std::vector<float> code_variances;    // [n_directions]: mean squares of the residuals' products with code_rows
    std::vector<float> code_weights;      // [n_embd]: mean squares of the activations' columns
};

// Fills in position, tokens and offsets from cluster, whose values are below n_cluster. A cluster may be empty.
void flash_head_map_sort(flash_head_map & map);

// Turns a head with codes into a plain one.
void flash_head_map_drop_codes(flash_head_map & map);

// The number of tokens whose fine code is read where n_probe clusters are probed: at least twice those that are scored
// exactly, as in the core. 0 without codes.
int32_t flash_head_n_near(const flash_head_map & map, int32_t n_probe);

// Whether the file carries FlashHead keys at all, sound or not.
bool flash_head_map_present(const gguf_context * gguf);

// Why the runtime cannot use any map for this file's model, or "": bitnet's graph has no product with a head.
std::string flash_head_file_obstacle(const gguf_context * gguf);

// llama.cpp's name of a head's bias, which its graphs add to the product.
#define FLASH_HEAD_BIAS "output.bias"

// Why a head with this bias, of n values of the type, stays dense, or "": only codes choose tokens as with it, and not
// where clusters are drawn.
std::string flash_head_bias_obstacle(const gguf_context * gguf, const flash_head_map & map, bool drawn, ggml_type type,
        int64_t n);

// Reads the map of a head with n_vocab rows of n_embd columns. Returns false and sets error if it violates the format.
// Safe for hostile files.
bool flash_head_map_read(const gguf_context * gguf, int64_t n_embd, int64_t n_vocab, flash_head_map & map,
        std::string & error);
