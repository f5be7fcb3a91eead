#include "flash-head-rpc.h"

#include "ggml-cpp.h"
#include "ggml-flash-head.h"
#include "ggml-impl.h"

#include <cstring>
#include <map>
#include <mutex>

// whether op is as clients send it: nothing that only a CPU reads
static bool is_plain(const ggml_tensor * op) {
    return op->src[GGML_FLASH_HEAD_SRC_COARSE] == nullptr && op->src[GGML_FLASH_HEAD_SRC_ORDERED] == nullptr
        && !ggml_flash_head_get_params(op).grouped;
}

static flash_head_rpc_request request_of(uint32_t device, const ggml_tensor * op) {
    const ggml_tensor * weight    = op->src[GGML_FLASH_HEAD_SRC_WEIGHT];
    const ggml_tensor * centroids = op->src[GGML_FLASH_HEAD_SRC_CENTROIDS];
    const ggml_tensor * pinned    = op->src[GGML_FLASH_HEAD_SRC_PINNED];

    flash_head_rpc_request request;
    request.device        = device;
    request.weight_type   = weight->type;
    request.centroid_type = centroids->type;
    request.n_embd        = (uint32_t) weight->ne[0];
    request.n_vocab       = (uint32_t) weight->ne[1];
    request.n_cluster     = (uint32_t) centroids->ne[1];
    request.n_pinned      = pinned ? (uint32_t) pinned->ne[0] : 0;
    request.mode          = (uint32_t) ggml_flash_head_get_params(op).mode;
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

// whether tensors of these sizes can exist
static bool is_possible(const flash_head_rpc_request & request) {
    const uint32_t most = INT32_MAX;
    return is_row_type(request.weight_type, request.n_embd) && is_row_type(request.centroid_type, request.n_embd)
        && request.n_embd    > 0 && request.n_embd    <= most
        && request.n_vocab   > 0 && request.n_vocab   <= most
        && request.n_cluster > 0 && request.n_cluster <= request.n_vocab
        && request.n_pinned  <= request.n_vocab
        && (request.mode == GGML_FLASH_HEAD_TOP || request.mode == GGML_FLASH_HEAD_SAMPLE);
}

flash_head_rpc_response flash_head_rpc_answer(ggml_backend_dev_t dev, const flash_head_rpc_request & request) {
    if (!is_possible(request)) {
        return { 0 };
    }
    ggml_context_ptr owner(ggml_init({ (GGML_MAX_SRC + 1)*ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
    ggml_flash_head_shape shape = {};
    shape.weight_type   = (ggml_type) request.weight_type;
    shape.centroid_type = (ggml_type) request.centroid_type;
    shape.n_embd        = request.n_embd;
    shape.n_vocab       = request.n_vocab;
    shape.n_cluster     = request.n_cluster;
    shape.n_pinned      = request.n_pinned;

    ggml_flash_head_params params = {};
    params.n_probe     = 1;
    params.mode        = (int32_t) request.mode;
    params.temperature = 1.0f;
    return { (uint8_t) ggml_backend_dev_supports_op(dev, ggml_flash_head_new_probe(owner.get(), &shape, &params)) };
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
