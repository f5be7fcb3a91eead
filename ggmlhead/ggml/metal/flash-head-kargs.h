#pragma once

// What the kernels and the code that launches them share. Both the C++ and the Metal compiler read it, so it includes
// nothing.

// function constants, far from those of ggml-metal-impl.h
#define FC_FLASH_HEAD 9000 // + 0: rows of activations; + 1: lanes that share the columns of a row of weights

#define FLASH_HEAD_METAL_ROWS       8   // rows of activations that are served at once, at most
#define FLASH_HEAD_METAL_CHUNK      32  // neighbouring tokens that one simdgroup looks at, one a lane
#define FLASH_HEAD_METAL_MAX_CHUNKS 32  // chunks of a threadgroup
#define FLASH_HEAD_METAL_COPIES     8   // of the histogram, so that lanes seldom wait for each other
#define FLASH_HEAD_METAL_NAN_KEY    (-2147483647 - 1)

// of codes, as in core/flash-head-codes.h
#define FLASH_HEAD_METAL_GROUP      64  // tokens of a group
#define FLASH_HEAD_METAL_LINE       32  // bytes of a line of either code
#define FLASH_HEAD_METAL_MAX_BITS   256 // of a coarse code, and directions
#define FLASH_HEAD_METAL_PART       32  // columns of x in one part of a projection
#define FLASH_HEAD_METAL_BINS       4096
#define FLASH_HEAD_METAL_LAST_BIN   (FLASH_HEAD_METAL_BINS - 1)

// x as the codes need it.
typedef struct {
    uint8_t tables[FLASH_HEAD_METAL_MAX_BITS/4][16];
    float   unit, offset;
    float   fine_unit, fine_offset;
    float   errors[2];
    float   variances[2];
    int32_t n_lines[4]; // the last is 0
} ggml_metal_flash_head_query;

// The weights and centroids that there are kernels for: X(type of ggml, name, parts of 16 values in a block).
#define FLASH_HEAD_METAL_QUANTIZED_TYPES(X) \
    X(Q1_0,    q1_0,    8)  \
    X(Q2_0,    q2_0,    4)  \
    X(Q4_0,    q4_0,    2)  \
    X(Q4_1,    q4_1,    2)  \
    X(Q5_0,    q5_0,    2)  \
    X(Q5_1,    q5_1,    2)  \
    X(Q8_0,    q8_0,    2)  \
    X(MXFP4,   mxfp4,   2)  \
    X(Q2_K,    q2_K,    16) \
    X(Q3_K,    q3_K,    16) \
    X(Q4_K,    q4_K,    16) \
    X(Q5_K,    q5_K,    16) \
    X(Q6_K,    q6_K,    16) \
    X(IQ2_XXS, iq2_xxs, 16) \
    X(IQ2_XS,  iq2_xs,  16) \
    X(IQ2_S,   iq2_s,   16) \
    X(IQ3_XXS, iq3_xxs, 16) \
    X(IQ3_S,   iq3_s,   16) \
    X(IQ1_S,   iq1_s,   16) \
    X(IQ1_M,   iq1_m,   16) \
    X(IQ4_NL,  iq4_nl,  2)  \
    X(IQ4_XS,  iq4_xs,  16) \
    X(TQ2_0,   tq2_0,   16)

// Of all kernels. D, V, K as in core/flash-head.h; n = rows of activations at once.
typedef struct {
    int32_t  n_embd;
    int32_t  n_vocab;
    int32_t  n_cluster;
    int32_t  n_pinned;
    uint64_t nb_weight;   // bytes from one row to the next: of the weight, the centroids, the activations, the logits
    uint64_t nb_centroid;
    uint64_t nb_x;
    uint64_t nb_dst;
    int32_t  sample;      // 1: clusters are drawn
    float    temperature; // of the draw
    uint32_t seed;
    int32_t  n_probe;     // clusters that are selected, 1 .. K
    int32_t  n_groups;    // threadgroups, and chunks of each
    int32_t  n_chunks;
    // of codes
    int32_t  n_directions; // 0: clusters are selected
    int32_t  n_bits;
    int32_t  fine_bytes;
    int32_t  n_parts;      // of a projection
    int32_t  n_blocks;     // threadgroups of the launch
    int32_t  has_bias;
    int32_t  choice;       // 0: of tokens for a fine estimate, 1: for an exact logit
    int32_t  n_best;       // tokens of it, at least
    float    tolerance;    // of it, with limit and steepness: core/flash-head-allowance.h
    float    limit;
    float    steepness;
} ggml_metal_kargs_flash_head;
