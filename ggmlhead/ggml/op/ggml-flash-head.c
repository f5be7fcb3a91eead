#include "ggml-flash-head.h"

#include "../../core/flash-head-centroids.h"
#include "../../core/flash-head-codes.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static_assert(sizeof(struct ggml_flash_head_params) <= GGML_MAX_OP_PARAMS - 3*sizeof(int32_t),
        "FLASH_HEAD's parameters do not fit");
static_assert(GGML_FLASH_HEAD_SRC_BASIS < GGML_MAX_SRC, "FLASH_HEAD has too many sources");

static bool is_list(const struct ggml_tensor * t, int64_t n) {
    return t->type == GGML_TYPE_I32 && ggml_is_vector(t) && ggml_is_contiguous(t) && t->ne[0] == n;
}

static bool is_bytes(const struct ggml_tensor * t) {
    return t->type == GGML_TYPE_I8 && ggml_is_matrix(t) && ggml_is_contiguous(t);
}

int32_t ggml_flash_head_coarse_bits(const struct ggml_tensor * coarse) {
    const int64_t lines = coarse->ne[0] - (int64_t) flash_head_coarse_group_size(0);
    const int64_t bits  = lines/FLASH_HEAD_COARSE_LINE*4;
    return lines > 0 && lines % FLASH_HEAD_COARSE_LINE == 0 && bits <= FLASH_HEAD_COARSE_MAX_BITS ? (int32_t) bits : -1;
}

static bool are_codes(const struct ggml_tensor * coarse, const struct ggml_tensor * fine,
        const struct ggml_tensor * basis, int64_t n_embd, int64_t n_vocab, int32_t n_directions) {
    const int64_t n_bytes = fine->ne[0] - (int64_t) sizeof(uint16_t);
    return n_directions > 0 && n_directions % 8 == 0 && n_directions <= FLASH_HEAD_MAX_DIRECTIONS
        && is_bytes(coarse) && ggml_flash_head_coarse_bits(coarse) > 0
        && coarse->ne[1] == flash_head_coarse_n_groups(n_vocab)
        && is_bytes(fine) && n_bytes >= 0 && n_bytes % FLASH_HEAD_FINE_LINE == 0 && n_bytes <= FLASH_HEAD_FINE_MAX_BYTES
        && fine->ne[1] == n_vocab
        && basis->type == GGML_TYPE_F32 && ggml_is_vector(basis) && ggml_is_contiguous(basis)
        && basis->ne[0] == (int64_t) flash_head_basis_n(n_embd, n_directions, (int32_t) n_bytes);
}

const char * ggml_flash_head_flaw(const struct ggml_tensor * node) {
    const struct ggml_flash_head_params params = ggml_flash_head_get_params(node);

    const struct ggml_tensor * weight      = node->src[GGML_FLASH_HEAD_SRC_WEIGHT];
    const struct ggml_tensor * x           = node->src[GGML_FLASH_HEAD_SRC_X];
    const struct ggml_tensor * centroids   = node->src[GGML_FLASH_HEAD_SRC_CENTROIDS];
    const struct ggml_tensor * places      = node->src[GGML_FLASH_HEAD_SRC_PLACES];
    const struct ggml_tensor * tokens      = ggml_flash_head_get_tokens(node);
    const struct ggml_tensor * bias        = ggml_flash_head_get_bias(node);
    const struct ggml_tensor * offsets     = node->src[GGML_FLASH_HEAD_SRC_OFFSETS];
    const struct ggml_tensor * pinned      = node->src[GGML_FLASH_HEAD_SRC_PINNED];
    const struct ggml_tensor * coarse      = node->src[GGML_FLASH_HEAD_SRC_COARSE];
    const struct ggml_tensor * basis       = node->src[GGML_FLASH_HEAD_SRC_BASIS];
    const struct ggml_tensor * ordered     = coarse ? NULL : node->src[GGML_FLASH_HEAD_SRC_ORDERED];
    const struct ggml_tensor * fine        = coarse ? node->src[GGML_FLASH_HEAD_SRC_FINE] : NULL;

    if (!weight || !x || !centroids || !places || (!tokens && !bias) || !offsets) {
        return "a source is missing";
    }
    const int64_t n_embd    = weight->ne[0];
    const int64_t n_vocab   = weight->ne[1];
    const int64_t n_cluster = offsets->ne[0] - 1;

    if (!ggml_is_matrix(weight) || !ggml_is_contiguous(weight)) {
        return "the weight is no plain matrix";
    }
    if (x->type != GGML_TYPE_F32 || x->nb[0] != sizeof(float) || !ggml_is_matrix(x) || x->ne[0] != n_embd) {
        return "the activations do not fit the weight";
    }
    if (node->type != GGML_TYPE_F32 || node->nb[0] != sizeof(float) || !ggml_is_matrix(node) || node->ne[0] != n_vocab
            || node->ne[1] != x->ne[1]) {
        return "the logits do not fit weight and activations";
    }
    if (n_cluster < 1 || !is_list(offsets, n_cluster + 1)) {
        return "the offsets are no list of a cluster or more";
    }
    if (tokens && !is_list(tokens, n_vocab)) {
        return "the tokens are no list of all tokens";
    }
    if (places->type != GGML_TYPE_I32 || !ggml_is_matrix(places) || !ggml_is_contiguous(places)
            || places->ne[0] != n_vocab || places->ne[1] != 2) {
        return "the places are not those of all tokens";
    }
    if (!ggml_is_matrix(centroids) || !ggml_is_contiguous(centroids) || centroids->ne[0] != n_embd
            || centroids->ne[1] != (params.grouped ? flash_head_centroids_padded(n_cluster) : n_cluster)
            || (params.grouped && centroids->type != GGML_TYPE_Q4_0)) {
        return "the centroids do not fit weight and clusters";
    }
    if (pinned && !is_list(pinned, pinned->ne[0])) {
        return "the pinned tokens are no list";
    }
    if (ordered && (ordered->type != weight->type || !ggml_are_same_shape(ordered, weight)
            || !ggml_is_contiguous(ordered))) {
        return "the ordered rows are not those of the weight";
    }
    if (!coarse != !basis || !coarse != (params.n_directions == 0)
            || (coarse && (!fine || !are_codes(coarse, fine, basis, n_embd, n_vocab, params.n_directions)))) {
        return "the codes do not fit the weight";
    }
    if (bias && (!ggml_is_vector(bias) || !ggml_is_contiguous(bias) || bias->ne[0] != n_vocab)) {
        return "the bias does not fit the weight";
    }
    if (bias && (!coarse || params.mode != GGML_FLASH_HEAD_TOP)) {
        return "only codes choose by a bias, and only the best tokens";
    }
    if (coarse && (params.n_near < 1 || params.n_near > n_vocab)) {
        return "n_near must be in 1..n_vocab";
    }
    if (coarse && !(params.tolerance >= 0.0f)) {
        return "the tolerance must be at least 0";
    }
    if (params.n_probe < 1 || params.n_probe > n_cluster) {
        return "n_probe must be in 1..n_cluster";
    }
    if (params.mode == GGML_FLASH_HEAD_DENSE
            && (x->ne[1] > GGML_FLASH_HEAD_DENSE_ROWS || params.n_rows < 1 || params.n_rows > x->ne[1])) {
        return "there are too many rows for the dense product";
    }
    if (params.mode != GGML_FLASH_HEAD_TOP && params.mode != GGML_FLASH_HEAD_DENSE
            && !(params.mode == GGML_FLASH_HEAD_SAMPLE && params.temperature > 0.0f)) {
        return "there is no such mode, or no such temperature";
    }
    return NULL;
}

static struct ggml_tensor * new_list(struct ggml_context * ctx, int64_t n, const char * name) {
    return ggml_set_name(ggml_new_tensor_1d(ctx, GGML_TYPE_I32, n), name);
}

static struct ggml_tensor * new_matrix(struct ggml_context * ctx, enum ggml_type type, int64_t n_cols, int64_t n_rows,
        const char * name) {
    return ggml_set_name(ggml_new_tensor_2d(ctx, type, n_cols, n_rows), name);
}

struct ggml_flash_head_sources ggml_flash_head_new_sources(struct ggml_context * ctx,
        const struct ggml_flash_head_shape * shape) {
    const int64_t n_centroids = shape->grouped ? flash_head_centroids_padded(shape->n_cluster) : shape->n_cluster;

    struct ggml_flash_head_sources sources = { NULL };
    sources.centroids = new_matrix(ctx, shape->centroid_type, shape->n_embd, n_centroids, "flash_head.centroids");
    sources.places    = new_matrix(ctx, GGML_TYPE_I32, shape->n_vocab, 2, "flash_head.places");
    sources.tokens    = new_list(ctx, shape->n_vocab, "flash_head.tokens");
    sources.offsets   = new_list(ctx, shape->n_cluster + 1, "flash_head.offsets");
    if (shape->n_pinned > 0) {
        sources.pinned = new_list(ctx, shape->n_pinned, "flash_head.pinned");
    }
    if (shape->ordered) {
        sources.ordered = new_matrix(ctx, shape->weight_type, shape->n_embd, shape->n_vocab, "flash_head.ordered");
    }
    if (shape->n_directions > 0) {
        sources.coarse = new_matrix(ctx, GGML_TYPE_I8, (int64_t) flash_head_coarse_group_size(shape->coarse_bits),
                flash_head_coarse_n_groups(shape->n_vocab), "flash_head.coarse");
        sources.fine   = new_matrix(ctx, GGML_TYPE_I8, shape->fine_bytes + (int64_t) sizeof(uint16_t), shape->n_vocab,
                "flash_head.fine");
        sources.basis  = ggml_set_name(ggml_new_tensor_1d(ctx, GGML_TYPE_F32,
                (int64_t) flash_head_basis_n(shape->n_embd, shape->n_directions, shape->fine_bytes)),
                "flash_head.basis");
    }
    return sources;
}

struct ggml_tensor * ggml_flash_head_new_probe(
        struct ggml_context * ctx, const struct ggml_flash_head_shape * shape,
        const struct ggml_flash_head_params * params) {
    const struct ggml_flash_head_sources sources = ggml_flash_head_new_sources(ctx, shape);

    struct ggml_tensor * weight = ggml_new_tensor_2d(ctx, shape->weight_type, shape->n_embd, shape->n_vocab);
    struct ggml_tensor * x      = ggml_new_tensor_2d(ctx, GGML_TYPE_F32,      shape->n_embd, 1);
    return ggml_flash_head(ctx, weight, x, &sources, params);
}

static void set_op(struct ggml_tensor * node, const struct ggml_flash_head_sources * sources,
        const struct ggml_flash_head_params * params) {
    node->op = GGML_OP_FLASH_HEAD;
    memset(node->op_params, 0, sizeof(node->op_params));
    memcpy(node->op_params, params, sizeof(*params));

    // An RPC client takes a node's size from another of the same parameters and shape. The Metal backend's depends on
    // these, too.
    int32_t * sizes = node->op_params + sizeof(node->op_params)/sizeof(node->op_params[0]) - 3;
    sizes[0] = (int32_t) node->src[GGML_FLASH_HEAD_SRC_WEIGHT]->ne[0];
    sizes[1] = (int32_t) sources->centroids->ne[1];
    sizes[2] = sources->fine ? (int32_t) sources->fine->ne[0] : 0;

    node->src[GGML_FLASH_HEAD_SRC_CENTROIDS]   = sources->centroids;
    node->src[GGML_FLASH_HEAD_SRC_PLACES]      = sources->places;
    node->src[GGML_FLASH_HEAD_SRC_TOKENS]      = sources->bias ? sources->bias : sources->tokens;
    node->src[GGML_FLASH_HEAD_SRC_OFFSETS]     = sources->offsets;
    node->src[GGML_FLASH_HEAD_SRC_PINNED]      = sources->pinned;
    node->src[GGML_FLASH_HEAD_SRC_ORDERED]     = sources->coarse ? sources->fine : sources->ordered;
    node->src[GGML_FLASH_HEAD_SRC_COARSE]      = sources->coarse;
    node->src[GGML_FLASH_HEAD_SRC_BASIS]       = sources->basis;

    const char * flaw = ggml_flash_head_flaw(node);
    if (flaw) {
        GGML_ABORT("FLASH_HEAD: %s", flaw);
    }
}

struct ggml_tensor * ggml_flash_head(
        struct ggml_context                  * ctx,
        struct ggml_tensor                   * weight,
        struct ggml_tensor                   * x,
        const struct ggml_flash_head_sources * sources,
        const struct ggml_flash_head_params  * params) {
    struct ggml_tensor * result = ggml_new_tensor_2d(ctx, GGML_TYPE_F32, weight->ne[1], x->ne[1]);

    result->src[GGML_FLASH_HEAD_SRC_WEIGHT] = weight;
    result->src[GGML_FLASH_HEAD_SRC_X]      = x;
    set_op(result, sources, params);

    return result;
}

void ggml_flash_head_replace_mul_mat(
        struct ggml_tensor                   * node,
        const struct ggml_flash_head_sources * sources,
        const struct ggml_flash_head_params  * params) {
    GGML_ASSERT(node->op == GGML_OP_MUL_MAT);
    set_op(node, sources, params);
}

void ggml_flash_head_set_n_rows(struct ggml_tensor * node, int32_t n_rows) {
    GGML_ASSERT(ggml_flash_head_get_params(node).mode == GGML_FLASH_HEAD_DENSE && n_rows >= 1 && n_rows <= node->ne[1]);
    memcpy((char *) node->op_params + offsetof(struct ggml_flash_head_params, n_rows), &n_rows, sizeof(n_rows));
}

static struct ggml_tensor * tokens_or_bias(const struct ggml_tensor * node, bool is_bias) {
    struct ggml_tensor * t = node->src[GGML_FLASH_HEAD_SRC_TOKENS];
    return t && (t->type == GGML_TYPE_F32) == is_bias ? t : NULL;
}

struct ggml_tensor * ggml_flash_head_get_tokens(const struct ggml_tensor * node) {
    return tokens_or_bias(node, /*is_bias =*/ false);
}

struct ggml_tensor * ggml_flash_head_get_bias(const struct ggml_tensor * node) {
    return tokens_or_bias(node, /*is_bias =*/ true);
}

struct ggml_flash_head_params ggml_flash_head_get_params(const struct ggml_tensor * node) {
    GGML_ASSERT(node->op == GGML_OP_FLASH_HEAD);
    struct ggml_flash_head_params params;
    memcpy(&params, node->op_params, sizeof(params));
    return params;
}

void ggml_flash_head_set_totals(struct ggml_tensor * node, void * totals) {
    GGML_ASSERT(node->op == GGML_OP_FLASH_HEAD);
    node->extra = totals;
}

void * ggml_flash_head_get_totals(const struct ggml_tensor * node) {
    GGML_ASSERT(node->op == GGML_OP_FLASH_HEAD);
    return node->extra;
}
