#include "flash-head-buffer.h"

#include "flash-head-host.h"
#include "flash-head-pages.h"
#include "ggml-backend-impl.h"
#include "ggml-impl.h"

#include <exception>
#include <new>
#include <set>
#include <string.h>

static const size_t ALIGNMENT = 64;

struct flash_head_buffer {
    void * data = nullptr;
    std::vector<std::unique_ptr<flash_head_weight>> weights;
};

// the weights of all buffers
struct flash_head_weights {
    std::mutex mutex;
    std::set<flash_head_weight *> all;
};

static flash_head_weights & weights() {
    static flash_head_weights w;
    return w;
}

void flash_head_buffer_log_loaded() {
    std::lock_guard<std::mutex> lock(weights().mutex);
    for (flash_head_weight * w : weights().all) {
        if (w->ready && !w->differs && !w->foreign && !w->said.exchange(true)) {
            if (!w->model->map_file.path.empty()) {
                GGML_LOG_INFO("flash_head: map %s\n", w->model->map_file.path.c_str());
            }
            GGML_LOG_INFO("flash_head: %s\n", flash_head_weight_summary(*w).c_str());
        }
    }
}

// the length of the name of the weight that an adapter's weight changes, which its own name begins with; 0 for other
// tensors
static size_t lora_base_size(const ggml_tensor * tensor) {
    static const size_t suffix = strlen(".lora_a"); // or .lora_b
    const size_t n = strlen(tensor->name);
    return n > suffix && strncmp(tensor->name + n - suffix, ".lora_", suffix - 1) == 0 ? n - suffix : 0;
}

bool flash_head_buffer_is_lora(const ggml_tensor * tensor, const char * weight) {
    const size_t n = lora_base_size(tensor); // compares in place: called for each token
    return n > 0 && strlen(weight) == n && strncmp(tensor->name, weight, n) == 0;
}

void flash_head_buffer_note_lora(const ggml_tensor * tensor) {
    const size_t n = lora_base_size(tensor);
    if (n == 0) {
        return;
    }
    const std::string base(tensor->name, n);
    std::lock_guard<std::mutex> lock(weights().mutex);
    for (flash_head_weight * w : weights().all) {
        if (w->model->weight == base) {
            w->lora = true;
            flash_head_weight_say_lora(*w);
        }
    }
}

static flash_head_buffer * context_of(ggml_backend_buffer_t buffer) {
    return (flash_head_buffer *) buffer->context;
}

static void flash_head_buffer_free(ggml_backend_buffer_t buffer) {
    flash_head_buffer * ctx = context_of(buffer);
    {
        std::lock_guard<std::mutex> lock(weights().mutex);
        for (const auto & w : ctx->weights) {
            weights().all.erase(w.get());
        }
    }
    ggml_aligned_free(ctx->data, buffer->size);
    delete ctx;
}

static void * flash_head_buffer_get_base(ggml_backend_buffer_t buffer) {
    return context_of(buffer)->data;
}

static enum ggml_status init_tensor(ggml_backend_buffer_t buffer, ggml_tensor * tensor) {
    if (tensor->op != GGML_OP_NONE || tensor->view_src != nullptr || !flash_head_model_may_have(tensor->name)) {
        return GGML_STATUS_SUCCESS;
    }
    auto model = flash_head_model_find(tensor);
    if (model == nullptr) {
        return GGML_STATUS_SUCCESS;
    }
    if (!model->setting_error.empty()) {
        GGML_LOG_ERROR("flash_head: %s\n", model->setting_error.c_str());
        return GGML_STATUS_FAILED;
    }
    flash_head_host_watch_threads();
    auto & own = context_of(buffer)->weights;
    own.push_back(std::make_unique<flash_head_weight>(model, tensor->data));
    flash_head_weight * weight = own.back().get();
    {
        std::lock_guard<std::mutex> lock(weights().mutex);
        weights().all.insert(weight);
    }
    flash_head_advise_huge_pages(tensor->data, ggml_nbytes(tensor));
    tensor->extra = weight; // last: after an exception it is an ordinary weight
    return GGML_STATUS_SUCCESS;
}

static enum ggml_status flash_head_buffer_init_tensor(ggml_backend_buffer_t buffer, ggml_tensor * tensor) {
    try {
        return init_tensor(buffer, tensor);
    } catch (const std::exception & e) { // no memory for the map; exceptions must not reach the host's C code
        GGML_LOG_WARN("flash_head: %s: %s; running dense\n", tensor->name, e.what());
        return GGML_STATUS_SUCCESS;
    }
}

// the weight of tensor or of what it views, and the offset in it
static flash_head_weight * weight_at(const ggml_tensor * tensor, size_t & offset) {
    if (tensor->view_src != nullptr) {
        offset += tensor->view_offs;
        tensor  = tensor->view_src;
    }
    return (flash_head_weight *) tensor->extra;
}

static void flash_head_buffer_set_tensor(ggml_backend_buffer_t, ggml_tensor * tensor, const void * data, size_t offset,
        size_t size) {
    size_t at = offset;
    if (flash_head_weight * weight = weight_at(tensor, at)) {
        flash_head_weight_set(*weight, data, at, size);
    } else {
        memcpy((char *) tensor->data + offset, data, size);
    }
}

static void flash_head_buffer_get_tensor(ggml_backend_buffer_t, const ggml_tensor * tensor, void * data, size_t offset,
        size_t size) {
    size_t at = offset;
    if (const flash_head_weight * weight = weight_at(tensor, at)) {
        flash_head_weight_get(*weight, data, at, size);
    } else {
        memcpy(data, (const char *) tensor->data + offset, size);
    }
}

static void flash_head_buffer_memset_tensor(ggml_backend_buffer_t buffer, ggml_tensor * tensor, uint8_t value,
        size_t offset, size_t size) {
    const std::vector<uint8_t> bytes(size, value);
    flash_head_buffer_set_tensor(buffer, tensor, bytes.data(), offset, size);
}

static void flash_head_buffer_clear(ggml_backend_buffer_t buffer, uint8_t value) {
    flash_head_buffer * ctx = context_of(buffer);
    memset(ctx->data, value, buffer->size);
    for (const auto & weight : ctx->weights) {
        weight->ready   = false;
        weight->differs = true;
    }
}

static const ggml_backend_buffer_i flash_head_buffer_i = {
    /* .free_buffer   = */ flash_head_buffer_free,
    /* .get_base      = */ flash_head_buffer_get_base,
    /* .init_tensor   = */ flash_head_buffer_init_tensor,
    /* .memset_tensor = */ flash_head_buffer_memset_tensor,
    /* .set_tensor    = */ flash_head_buffer_set_tensor,
    /* .get_tensor    = */ flash_head_buffer_get_tensor,
    /* .set_tensor_2d = */ nullptr,
    /* .get_tensor_2d = */ nullptr,
    /* .cpy_tensor    = */ nullptr,
    /* .clear         = */ flash_head_buffer_clear,
    /* .reset         = */ nullptr,
};

static const char * flash_head_buffer_type_get_name(ggml_backend_buffer_type_t) {
    return "CPU_FlashHead"; // Ollama counts names with CPU_ as main memory
}

static ggml_backend_buffer_t flash_head_buffer_type_alloc_buffer(ggml_backend_buffer_type_t buft, size_t size) {
    auto ctx = std::make_unique<flash_head_buffer>();
    ctx->data = ggml_aligned_malloc(size);
    if (ctx->data == nullptr) {
        GGML_LOG_ERROR("flash_head: no memory for a buffer of %zu bytes\n", size);
        return nullptr;
    }
    return ggml_backend_buffer_init(buft, flash_head_buffer_i, ctx.release(), size);
}

static size_t flash_head_buffer_type_get_alignment(ggml_backend_buffer_type_t) {
    return ALIGNMENT;
}

static bool flash_head_buffer_type_is_host(ggml_backend_buffer_type_t) {
    return false; // or the CPU backend would read a weight's rows as if they were in the order of tokens
}

static ggml_backend_buffer_type flash_head_buffer_type_instance = {
    /* .iface = */ {
        /* .get_name       = */ flash_head_buffer_type_get_name,
        /* .alloc_buffer   = */ flash_head_buffer_type_alloc_buffer,
        /* .get_alignment  = */ flash_head_buffer_type_get_alignment,
        /* .get_max_size   = */ nullptr,
        /* .get_alloc_size = */ nullptr,
        /* .is_host        = */ flash_head_buffer_type_is_host,
    },
    /* .device  = */ nullptr,
    /* .context = */ nullptr,
};

ggml_backend_buffer_type_t flash_head_buffer_type(ggml_backend_dev_t dev) {
    static const bool once = (flash_head_buffer_type_instance.device = dev, true);
    GGML_UNUSED(once);
    return &flash_head_buffer_type_instance;
}

bool flash_head_buffer_has(const ggml_tensor * tensor) {
    const ggml_backend_buffer_t buffer = tensor->view_src ? tensor->view_src->buffer : tensor->buffer;
    return buffer != nullptr && buffer->buft == &flash_head_buffer_type_instance;
}

flash_head_weight * flash_head_buffer_weight(const ggml_tensor * tensor) {
    return flash_head_buffer_has(tensor) && tensor->view_src == nullptr ? (flash_head_weight *) tensor->extra : nullptr;
}
