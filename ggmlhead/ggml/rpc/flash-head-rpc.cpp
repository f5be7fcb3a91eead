#include "flash-head-rpc.h"

#include "flash-head-codes.h"
#include "ggml-cpp.h"
#include "ggml-flash-head.h"
#include "ggml-impl.h"

#include <cstring>
#include <map>
#include <mutex>

// whether op is as clients send it: nothing that only a CPU reads
static bool is_plain(const ggml_tensor * op) {
    const bool ordered = op->src[GGML_FLASH_HEAD_SRC_COARSE] == nullptr
            && op->src[GGML_FLASH_HEAD_SRC_ORDERED] != nullptr;
    return !ordered && !ggml_flash_head_get_params(op).grouped;
}

static flash_head_rpc_request request_of(uint32_t device, const ggml_tensor * op) {
    const ggml_tensor * weight    = op->src[GGML_FLASH_HEAD_SRC_WEIGHT];
    const ggml_tensor * centroids = op->src[GGML_FLASH_HEAD_SRC_CENTROIDS];
    const ggml_tensor * pinned    = op->src[GGML_FLASH_HEAD_SRC_PINNED];
    const ggml_tensor * coarse    = op->src[GGML_FLASH_HEAD_SRC_COARSE];
    const ggml_tensor * fine      = op->src[GGML_FLASH_HEAD_SRC_FINE];
    const ggml_flash_head_params params = ggml_flash_head_get_params(op);

    flash_head_rpc_request request = {};
    request.device        = device;
    request.weight_type   = weight->type;
    request.centroid_type = centroids->type;
    request.n_embd        = (uint32_t) weight->ne[0];
    request.n_vocab       = (uint32_t) weight->ne[1];
    request.n_cluster     = (uint32_t) centroids->ne[1];
    request.n_pinned      = pinned ? (uint32_t) pinned->ne[0] : 0;
    request.mode          = (uint32_t) params.mode;
    if (coarse) {
        request.n_directions = (uint32_t) params.n_directions;
        request.coarse_bits  = (uint32_t) ggml_flash_head_coarse_bits(coarse);
        request.fine_bytes   = (uint32_t) (fine->ne[0] - (int64_t) sizeof(uint16_t)); // without the scale
        request.biased       = ggml_flash_head_get_bias(op) != nullptr;
    }
    return request;
}

bool flash_head_rpc_supports(
        const std::string & endpoint, uint8_t patch, uint32_t device, const ggml_tensor * op,
        const std::function<void(const flash_head_rpc_request &, flash_head_rpc_response &)> & ask) {
    if (patch != FLASH_HEAD_RPC_PATCH_VERSION || !is_plain(op)) {
        return false;
    }
    const flash_head_rpc_request request = request_of(device, op);
    const std::string key = endpoint + std::string((const char *) &request, sizeof(request));

    static std::mutex mutex;
    static std::map<std::string, bool> answers;
    std::lock_guard<std::mutex> lock(mutex);
    const auto known = answers.find(key);
    if (known != answers.end()) {
        return known->second;
    }
    flash_head_rpc_response response = {};
    ask(request, response);
    return answers[key] = response.supported == 1;
}

static bool is_row_type(uint32_t type, uint32_t n_embd) {
    return type < GGML_TYPE_COUNT && ggml_blck_size((ggml_type) type) > 0
            && n_embd % ggml_blck_size((ggml_type) type) == 0;
}

static bool are_codes(const flash_head_rpc_request & request) {
    if (request.n_directions == 0) {
        return request.coarse_bits == 0 && request.fine_bytes == 0 && request.biased == 0;
    }
    return request.n_directions % 8 == 0 && request.n_directions <= FLASH_HEAD_MAX_DIRECTIONS
        && request.coarse_bits % 8 == 0 && request.coarse_bits > 0 && request.coarse_bits <= FLASH_HEAD_COARSE_MAX_BITS
        && request.fine_bytes % FLASH_HEAD_FINE_LINE == 0 && request.fine_bytes <= FLASH_HEAD_FINE_MAX_BYTES
        && request.biased <= 1 && (request.biased == 0 || request.mode == GGML_FLASH_HEAD_TOP);
}

// whether tensors of these sizes can exist
static bool is_possible(const flash_head_rpc_request & request) {
    const uint32_t most = INT32_MAX;
    return is_row_type(request.weight_type, request.n_embd) && is_row_type(request.centroid_type, request.n_embd)
        && request.n_embd    > 0 && request.n_embd    <= most
        && request.n_vocab   > 0 && request.n_vocab   <= most
        && request.n_cluster > 0 && request.n_cluster <= request.n_vocab
        && request.n_pinned  <= request.n_vocab
        && are_codes(request)
        && (request.mode == GGML_FLASH_HEAD_TOP || request.mode == GGML_FLASH_HEAD_SAMPLE);
}

flash_head_rpc_response flash_head_rpc_answer(ggml_backend_dev_t dev, const flash_head_rpc_request & request) {
    if (!is_possible(request)) {
        return { 0 };
    }
    ggml_context_ptr ctx(ggml_init({ (GGML_MAX_SRC + 2)*ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
    ggml_flash_head_shape shape = {};
    shape.weight_type   = (ggml_type) request.weight_type;
    shape.centroid_type = (ggml_type) request.centroid_type;
    shape.n_embd        = request.n_embd;
    shape.n_vocab       = request.n_vocab;
    shape.n_cluster     = request.n_cluster;
    shape.n_pinned      = request.n_pinned;
    shape.n_directions  = (int32_t) request.n_directions;
    shape.coarse_bits   = (int32_t) request.coarse_bits;
    shape.fine_bytes    = (int32_t) request.fine_bytes;

    ggml_flash_head_params params = {};
    params.n_probe      = 1;
    params.mode         = (int32_t) request.mode;
    params.temperature  = 1.0f;
    params.n_near       = 1;
    params.n_directions = shape.n_directions;

    ggml_flash_head_sources sources = ggml_flash_head_new_sources(ctx.get(), &shape);
    if (request.biased == 1) {
        sources.bias = ggml_new_tensor_1d(ctx.get(), GGML_TYPE_F32, shape.n_vocab);
    }
    ggml_tensor * weight = ggml_new_tensor_2d(ctx.get(), shape.weight_type, shape.n_embd, shape.n_vocab);
    ggml_tensor * x      = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, shape.n_embd, 1);
    return { (uint8_t) ggml_backend_dev_supports_op(dev, ggml_flash_head(ctx.get(), weight, x, &sources, &params)) };
}

// why node, a FLASH_HEAD tensor, is not computed, or NULL
static const char * refusal(ggml_backend_dev_t dev, const ggml_tensor * node) {
    if (const char * flaw = ggml_flash_head_flaw(node)) {
        return flaw;
    }
    if (!is_plain(node)) {
        return "only a CPU reads such a head";
    }
    if (node->data == nullptr) {
        return "the logits have no memory";
    }
    for (const ggml_tensor * src : node->src) {
        if (src != nullptr && src->data == nullptr) {
            return "a source has no memory";
        }
    }
    return ggml_backend_dev_supports_op(dev, node) ? nullptr : "the device does not compute such heads";
}

bool flash_head_rpc_accepts(ggml_backend_dev_t dev, const ggml_tensor * node) {
    if (node->op != GGML_OP_FLASH_HEAD) {
        return true;
    }
    const char * why = refusal(dev, node);
    if (why != nullptr) {
        GGML_LOG_ERROR("[%s] FLASH_HEAD refused: %s\n", __func__, why);
    }
    return why == nullptr;
}
