#pragma once

// GGML_OP_FLASH_HEAD: the product of an output head with activations, by retrieval (arXiv 2603.14591).

#include "ggml.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

// The most rows of mode dense.
#define GGML_FLASH_HEAD_DENSE_ROWS 32

enum ggml_flash_head_mode {
    GGML_FLASH_HEAD_TOP    = 0, // score the n_probe best clusters exactly
    GGML_FLASH_HEAD_SAMPLE = 1, // draw n_probe clusters from softmax(score / temperature), without replacement
    // The dense product: no retrieval. For up to 32 rows of activations, so that the weight is read once for all of
    // them. The best tokens' logits equal those of a MUL_MAT with one row to the bit. Only the CPU backend has it.
    GGML_FLASH_HEAD_DENSE  = 2,
};

// The op's parameters. They may be sent to another machine, so they hold no pointer.
struct ggml_flash_head_params {
    int32_t  n_probe;     // clusters scored exactly, 1 .. K
    int32_t  mode;        // enum ggml_flash_head_mode
    float    temperature; // of the draw, > 0
    uint32_t seed;        // of the draw
    // 1: the centroids, of type Q4_0, lie in groups (flash-head-centroids.h), which only the CPU backend reads
    int32_t  grouped;
    int32_t  n_near;       // with codes: tokens whose fine code is read, 1 .. V
    int32_t  n_directions; // of the codes (flash-head-codes.h), 0 for none
    float    tolerance;    // with codes: divergence that a row's estimates may be expected to cost, nats; 0: any
    int32_t  n_rows;       // mode dense: rows that count; logits of the others are undefined. May change between runs
};

// What the op reads besides weight and activations.
struct ggml_flash_head_sources {
    // [D, K], any type with a dot product; if grouped, [D, K rounded up to a multiple of 16]
    struct ggml_tensor * centroids;
    struct ggml_tensor * places;    // I32 [V, 2]: of each token its cluster, then its position in tokens
    struct ggml_tensor * tokens;    // I32 [V]: tokens, cluster by cluster
    struct ggml_tensor * offsets;   // I32 [K + 1]: where each cluster begins in tokens
    struct ggml_tensor * pinned;    // I32 [n]: tokens always scored exactly, or NULL
    struct ggml_tensor * ordered;   // [D, V], weight's type: weight's rows in the order of tokens, or NULL

    // of the codes (flash-head-codes.h), all or none; a head with codes has no ordered rows
    struct ggml_tensor * coarse;    // I8 [bytes of a group, groups], or NULL
    struct ggml_tensor * fine;      // I8 [bytes of a token's code and scale, V]: all codes, then all scales; or NULL
    struct ggml_tensor * basis;     // F32 [flash_head_basis_n], or NULL

    // F32 [V] that the graph adds to the logits, or NULL. Tokens are chosen as with it, the op's logits are without.
    // Only for codes in mode top, which do not read the list of tokens: it may then be NULL.
    struct ggml_tensor * bias;
};

// Types and sizes of a head.
struct ggml_flash_head_shape {
    enum ggml_type weight_type;
    enum ggml_type centroid_type;
    int64_t        n_embd;    // D, a multiple of both types' blocks
    int64_t        n_vocab;   // V
    int64_t        n_cluster; // K
    int64_t        n_pinned;
    int32_t        n_directions; // of the codes, a multiple of 8; 0 for none
    int32_t        coarse_bits;  // a token
    int32_t        fine_bytes;   // a token
    bool           grouped;   // as in ggml_flash_head_params
    bool           ordered;   // with the weight's rows in the order of tokens
};

// Positions of the sources in the op's tensor.
enum ggml_flash_head_src {
    GGML_FLASH_HEAD_SRC_WEIGHT      = 0,
    GGML_FLASH_HEAD_SRC_X           = 1,
    GGML_FLASH_HEAD_SRC_CENTROIDS   = 2,
    GGML_FLASH_HEAD_SRC_PLACES      = 3,
    GGML_FLASH_HEAD_SRC_TOKENS      = 4,
    GGML_FLASH_HEAD_SRC_BIAS        = 4, // in the same place, told by its type: it needs no list of tokens
    GGML_FLASH_HEAD_SRC_OFFSETS     = 5,
    GGML_FLASH_HEAD_SRC_PINNED      = 6,
    GGML_FLASH_HEAD_SRC_ORDERED     = 7,
    GGML_FLASH_HEAD_SRC_FINE        = 7, // in the same place: a head has one of the two at most
    GGML_FLASH_HEAD_SRC_COARSE      = 8,
    GGML_FLASH_HEAD_SRC_BASIS       = 9,
};

// New named tensors for the sources of such a head, without data. Pinned tokens and codes only if there are any.
GGML_API struct ggml_flash_head_sources ggml_flash_head_new_sources(
        struct ggml_context                * ctx,
        const struct ggml_flash_head_shape * shape);

// A head of that shape without data, with one row of activations: what to ask a backend's supports_op.
GGML_API struct ggml_tensor * ggml_flash_head_new_probe(
        struct ggml_context                 * ctx,
        const struct ggml_flash_head_shape  * shape,
        const struct ggml_flash_head_params * params);

// logits F32 [V, n] of weight [D, V] (any type with a dot product) and x F32 [D, n].
// Tokens that are not selected get the score of their centroid; with codes, which select tokens instead of clusters,
// their estimate. Pinned tokens are always exact.
GGML_API struct ggml_tensor * ggml_flash_head(
        struct ggml_context                  * ctx,
        struct ggml_tensor                   * weight,
        struct ggml_tensor                   * x,
        const struct ggml_flash_head_sources * sources,
        const struct ggml_flash_head_params  * params);

// Turns node, an existing MUL_MAT of a weight [D, V] with F32 activations [D, n], into the op in place:
// whoever reads node reads the op's logits, of the same type and shape.
GGML_API void ggml_flash_head_replace_mul_mat(
        struct ggml_tensor                   * node,
        const struct ggml_flash_head_sources * sources,
        const struct ggml_flash_head_params  * params);

// Of a node in mode dense, how many rows count: 1 .. rows of the node.
GGML_API void ggml_flash_head_set_n_rows(struct ggml_tensor * node, int32_t n_rows);

// The two sources that share a place; NULL for the one that is not there.
GGML_API struct ggml_tensor * ggml_flash_head_get_tokens(const struct ggml_tensor * node);
GGML_API struct ggml_tensor * ggml_flash_head_get_bias  (const struct ggml_tensor * node);

// Bits of a token's coarse code, from the source `coarse`; -1 if it has no such shape.
GGML_API int32_t ggml_flash_head_coarse_bits(const struct ggml_tensor * coarse);

// The parameters that a tensor of the op carries.
GGML_API struct ggml_flash_head_params ggml_flash_head_get_params(const struct ggml_tensor * node);

// What is wrong with the types, shapes and parameters of a tensor of the op; NULL if it is sound. For tensors from
// elsewhere: the functions above abort on a flaw.
GGML_API const char * ggml_flash_head_flaw(const struct ggml_tensor * node);

// The flash_head_totals (flash-head-totals.h) in which the CPU backend counts for node, a tensor of the op. It must
// outlive the graph. NULL, the default: no counting. Stored in node->extra, which is otherwise unused for results in
// host memory and is not sent to other machines, so set it only if the CPU backend runs node.
GGML_API void   ggml_flash_head_set_totals(struct ggml_tensor * node, void * totals);
GGML_API void * ggml_flash_head_get_totals(const struct ggml_tensor * node);

#ifdef __cplusplus
}
#endif
