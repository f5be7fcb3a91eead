#include "ggml-flash-head.h"

#include "../core/flash-head-centroids.h"
#include "../core/flash-head-sketch.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct ggml_flash_head_params) <= GGML_MAX_OP_PARAMS, "FLASH_HEAD's parameters do not fit");
static_assert(GGML_FLASH_HEAD_SRC_ACTIVATIONS < GGML_MAX_SRC, "FLASH_HEAD has too many sources");

static bool is_list(const struct ggml_tensor * t, int64_t n) {
    return t->type == GGML_TYPE_I32 && ggml_is_vector(t) && ggml_is_contiguous(t) && t->ne[0] == n;
}

static bool is_sketch(const struct ggml_flash_head_sources * sources, int64_t n_embd, int64_t n_vocab) {
    const struct ggml_tensor * sketch      = sources->sketch;
    const struct ggml_tensor * activations = sources->activations;
    const int64_t rank = activations->ne[0];

    return rank % FLASH_HEAD_SKETCH_STEP == 0 && rank <= FLASH_HEAD_SKETCH_MAX_RANK
        && activations->type == GGML_TYPE_F32 && ggml_is_matrix(activations) && ggml_is_contiguous(activations) && activations->ne[1] == n_embd
        && sketch->type == GGML_TYPE_I8 && ggml_is_matrix(sketch) && ggml_is_contiguous(sketch)
        && sketch->ne[0] == (int64_t) flash_head_sketch_group_size((int32_t) rank)
        && sketch->ne[1] == flash_head_sketch_n_groups(n_vocab);
}

static void set_op(struct ggml_tensor * node, const struct ggml_flash_head_sources * sources, const struct ggml_flash_head_params * params) {
    const struct ggml_tensor * weight = node->src[GGML_FLASH_HEAD_SRC_WEIGHT];
    const struct ggml_tensor * x      = node->src[GGML_FLASH_HEAD_SRC_X];

    const int64_t n_embd    = weight->ne[0];
    const int64_t n_vocab   = weight->ne[1];
    const int64_t n_cluster = sources->offsets->ne[0] - 1;

    GGML_ASSERT(ggml_is_matrix(weight) && ggml_is_contiguous(weight));
    GGML_ASSERT(x->type == GGML_TYPE_F32 && x->nb[0] == sizeof(float) && ggml_is_matrix(x) && x->ne[0] == n_embd);
    GGML_ASSERT(node->type == GGML_TYPE_F32 && node->ne[0] == n_vocab && node->ne[1] == x->ne[1]);
    GGML_ASSERT(ggml_is_matrix(sources->centroids) && ggml_is_contiguous(sources->centroids));
    GGML_ASSERT(sources->centroids->ne[0] == n_embd);
    GGML_ASSERT(sources->centroids->ne[1] == (params->grouped ? flash_head_centroids_padded(n_cluster) : n_cluster));
    GGML_ASSERT(!params->grouped || sources->centroids->type == GGML_TYPE_Q4_0);
    GGML_ASSERT(sources->places->type == GGML_TYPE_I32 && ggml_is_matrix(sources->places) && ggml_is_contiguous(sources->places));
    GGML_ASSERT(sources->places->ne[0] == n_vocab && sources->places->ne[1] == 2);
    GGML_ASSERT(is_list(sources->tokens,  n_vocab));
    GGML_ASSERT(is_list(sources->offsets, n_cluster + 1));
    GGML_ASSERT(sources->pinned  == NULL || is_list(sources->pinned, sources->pinned->ne[0]));
    GGML_ASSERT(sources->ordered == NULL || (sources->ordered->type == weight->type && ggml_are_same_shape(sources->ordered, weight)
                                             && ggml_is_contiguous(sources->ordered)));
    GGML_ASSERT((sources->sketch == NULL) == (sources->activations == NULL));
    GGML_ASSERT(sources->sketch == NULL || is_sketch(sources, n_embd, n_vocab));
    GGML_ASSERT(params->n_probe >= 1 && params->n_probe <= n_cluster);
    GGML_ASSERT(params->mode == GGML_FLASH_HEAD_TOP || params->mode == GGML_FLASH_HEAD_SAMPLE);
    GGML_ASSERT(params->mode == GGML_FLASH_HEAD_TOP || params->temperature > 0.0f);

    node->op = GGML_OP_FLASH_HEAD;
    memset(node->op_params, 0, sizeof(node->op_params));
    memcpy(node->op_params, params, sizeof(*params));

    node->src[GGML_FLASH_HEAD_SRC_CENTROIDS]   = sources->centroids;
    node->src[GGML_FLASH_HEAD_SRC_PLACES]      = sources->places;
    node->src[GGML_FLASH_HEAD_SRC_TOKENS]      = sources->tokens;
    node->src[GGML_FLASH_HEAD_SRC_OFFSETS]     = sources->offsets;
    node->src[GGML_FLASH_HEAD_SRC_PINNED]      = sources->pinned;
    node->src[GGML_FLASH_HEAD_SRC_ORDERED]     = sources->ordered;
    node->src[GGML_FLASH_HEAD_SRC_SKETCH]      = sources->sketch;
    node->src[GGML_FLASH_HEAD_SRC_ACTIVATIONS] = sources->activations;
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
