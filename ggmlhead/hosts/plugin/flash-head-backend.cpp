// FlashHead as a ggml backend in its own library, which an unpatched llama.cpp loads.
//
// Its one device is an accelerator beside the CPU. llama.cpp offers weights to accelerators first. This device takes
// the weight of a head whose file has a cluster map, and nothing else. The scheduler then sends it the product with
// that weight only. README.md lists what this relies on.

#include "flash-head-buffer.h"
#include "flash-head-host.h"
#include "flash-head-host-versions.h"
#include "flash-head-product.h"

#include "ggml-backend-impl.h"
#include "ggml-impl.h"

#include <algorithm>
#include <exception>
#include <stdlib.h>
#include <string.h>

static const char * const NAME = "FlashHead";

// backend: one context's stream of work

static const char * flash_head_backend_get_name(ggml_backend_t) {
    return NAME;
}

static void flash_head_backend_free(ggml_backend_t backend) {
    delete (flash_head_product *) backend->context;
    delete backend;
}

// whether a LoRA adapter changes the head of this weight in graph
static bool has_lora(ggml_cgraph * graph, const ggml_tensor * weight) {
    for (int i = 0; i < ggml_graph_n_nodes(graph); i++) {
        const ggml_tensor * node = ggml_graph_node(graph, i);
        if (node->op == GGML_OP_MUL_MAT && flash_head_buffer_is_lora(node->src[0], weight->name)) {
            return true;
        }
    }
    return false;
}

static enum ggml_status compute_graph(flash_head_product & product, ggml_cgraph * graph) {
    bool has_head = false;
    for (int i = 0; i < ggml_graph_n_nodes(graph); i++) {
        ggml_tensor * node = ggml_graph_node(graph, i);
        if (node->op != GGML_OP_MUL_MAT) {
            continue; // a view
        }
        enum ggml_status status;
        if (flash_head_weight * weight = flash_head_buffer_weight(node->src[0])) {
            has_head = true;
            status = flash_head_product_compute(product, *weight, node, has_lora(graph, node->src[0]));
        } else {
            if (!has_head) {
                flash_head_buffer_note_lora(node->src[0]); // the scheduler split the graph between head and adapter
            }
            status = flash_head_product_compute_plain(product, node);
        }
        if (status != GGML_STATUS_SUCCESS) {
            return status;
        }
    }
    return GGML_STATUS_SUCCESS;
}

static enum ggml_status flash_head_backend_graph_compute(ggml_backend_t backend, ggml_cgraph * graph) {
    try {
        return compute_graph(*(flash_head_product *) backend->context, graph);
    } catch (const std::exception & e) { // exceptions must not reach the host's C code
        GGML_LOG_ERROR("flash_head: %s\n", e.what());
        return GGML_STATUS_ALLOC_FAILED;
    }
}

// All work is done when a call returns, so events have nothing to record. Without these functions a host with several
// GPUs would disable pipeline parallelism.

static void flash_head_backend_event_record(ggml_backend_t, ggml_backend_event_t) {
}

static void flash_head_backend_event_wait(ggml_backend_t, ggml_backend_event_t event) {
    ggml_backend_event_synchronize(event);
}

static const ggml_backend_i flash_head_backend_i = {
    /* .get_name            = */ flash_head_backend_get_name,
    /* .free                = */ flash_head_backend_free,
    /* .set_tensor_async    = */ nullptr,
    /* .get_tensor_async    = */ nullptr,
    /* .set_tensor_2d_async = */ nullptr,
    /* .get_tensor_2d_async = */ nullptr,
    /* .cpy_tensor_async    = */ nullptr,
    /* .synchronize         = */ nullptr,
    /* .graph_plan_create   = */ nullptr,
    /* .graph_plan_free     = */ nullptr,
    /* .graph_plan_update   = */ nullptr,
    /* .graph_plan_compute  = */ nullptr,
    /* .graph_compute       = */ flash_head_backend_graph_compute,
    /* .event_record        = */ flash_head_backend_event_record,
    /* .event_wait          = */ flash_head_backend_event_wait,
    /* .graph_optimize      = */ nullptr,
};

static ggml_guid_t flash_head_backend_guid() {
    static ggml_guid guid = { 0x7b, 0x1e, 0x52, 0xc8, 0x0f, 0x5d, 0x4a, 0x36, 0x9c, 0x21, 0xe4, 0x8a, 0x6d, 0x90, 0x3f,
            0xb7 };
    return &guid;
}

static void flash_head_backend_set_n_threads(ggml_backend_t backend, int n_threads) {
    ((flash_head_product *) backend->context)->n_threads = n_threads > 0 ? n_threads : 1;
}

// device

static const char * flash_head_device_get_name(ggml_backend_dev_t) {
    return NAME;
}

static const char * flash_head_device_get_description(ggml_backend_dev_t) {
    return "output heads by retrieval, on the CPU (fh-ollama " FLASH_HEAD_VERSION ")";
}

static void flash_head_device_get_memory(ggml_backend_dev_t, size_t * free, size_t * total) {
    *free  = 0; // reported by the CPU's device
    *total = 0;
}

static enum ggml_backend_dev_type flash_head_device_get_type(ggml_backend_dev_t) {
    return GGML_BACKEND_DEVICE_TYPE_ACCEL;
}

static void flash_head_device_get_props(ggml_backend_dev_t dev, ggml_backend_dev_props * props) {
    *props = {};
    props->name        = flash_head_device_get_name(dev);
    props->description = flash_head_device_get_description(dev);
    props->type        = flash_head_device_get_type(dev);
    flash_head_device_get_memory(dev, &props->memory_free, &props->memory_total);
    props->caps.async        = true;
    props->caps.events       = true;
    props->caps.mmap_support = true; // of the rest of the model
}

static ggml_backend_t flash_head_device_init_backend(ggml_backend_dev_t dev, const char *) {
    flash_head_buffer_log_loaded(); // only now: while loading, the host prints a line of dots
    return new ggml_backend {
        /* .guid    = */ flash_head_backend_guid(),
        /* .iface   = */ flash_head_backend_i,
        /* .device  = */ dev,
        /* .context = */ new flash_head_product(flash_head_host_get()),
    };
}

static ggml_backend_buffer_type_t flash_head_device_get_buffer_type(ggml_backend_dev_t dev) {
    return flash_head_buffer_type(dev);
}

// whether the product of weight, which is or will be in our buffer, can be computed as op has it
static bool is_head_product(const ggml_tensor * op) {
    const ggml_tensor * x = op->src[1];
    return op->type == GGML_TYPE_F32 && x->type == GGML_TYPE_F32 && x->nb[0] == sizeof(float) && ggml_is_matrix(x)
        && op->op_params[1] == GGML_HINT_NONE;
}

// Whether weight is the head of the model that is being loaded and the host has what it takes. Logs each time, because
// a host may load a model twice, the first time silently.
static bool wants(const ggml_tensor * weight) {
    const flash_head_host & host = flash_head_host_get();
    if (!host.problem.empty()) {
        GGML_LOG_WARN("flash_head: %s; running dense\n", host.problem.c_str());
        return false;
    }
    const auto model = flash_head_model_find(weight);
    if (model == nullptr) {
        return false;
    }
    if (!model->setting_error.empty()) {
        return true; // loading will fail, with the error
    }
    if (host.get_type_traits(model->type)->vec_dot == nullptr
            || host.get_type_traits(model->settings.centroid_type)->vec_dot == nullptr) {
        GGML_LOG_WARN("flash_head: the CPU backend has no dot product for %s weights with %s centroids; running "
                "dense\n",
                ggml_type_name(model->type), ggml_type_name(model->settings.centroid_type));
        return false;
    }
    if (flash_head_host_lookup(ggml_version(), ggml_commit()) != FLASH_HEAD_HOST_TRIED) {
        GGML_LOG_INFO("flash_head: this build of ggml %s (commit %s) is none of those that were tried; its checks at "
                "load are passed\n",
                ggml_version(), ggml_commit());
    }
    return true;
}

// the same; false if it cannot be determined
static bool wants_safely(const ggml_tensor * weight) {
    try {
        return wants(weight);
    } catch (const std::exception & e) {
        GGML_LOG_WARN("flash_head: %s; running dense\n", e.what());
        return false;
    }
}

// whether the host's CPU library can compute op, a product with a weight that is not a head
static bool is_plain_product(const ggml_tensor * op) {
    return is_head_product(op) && flash_head_host_get().problem.empty()
        && flash_head_host_get().get_type_traits(op->src[0]->type)->vec_dot != nullptr;
}

static bool flash_head_device_supports_op(ggml_backend_dev_t, const ggml_tensor * op) {
    switch (op->op) {
        case GGML_OP_NONE:
        case GGML_OP_RESHAPE:
        case GGML_OP_VIEW:
        case GGML_OP_PERMUTE:
        case GGML_OP_TRANSPOSE:
            return flash_head_buffer_has(op); // nothing to compute, but the host asks who can read it
        case GGML_OP_MUL_MAT:
            break;
        default:
            return false;
    }
    const ggml_tensor * weight = op->src[0];
    if (!flash_head_buffer_has(weight)) {
        flash_head_buffer_note_lora(weight);
        return false;
    }
    if (flash_head_buffer_weight(weight) != nullptr) {
        return is_head_product(op);
    }
    if (weight->view_src != nullptr) {
        return false; // some rows of a head
    }
    if (weight->buffer->size > 0) {
        return is_plain_product(op); // in our buffer, but not a head, or there was no memory for it
    }
    // Not loaded: either llama.cpp asks where to put the weight, or it plans without loading and has marked the buffer.
    return flash_head_model_may_have(weight->name) && is_head_product(op)
        && (weight->buffer->usage == GGML_BACKEND_BUFFER_USAGE_WEIGHTS || wants_safely(weight));
}

static bool flash_head_device_supports_buft(ggml_backend_dev_t dev, ggml_backend_buffer_type_t buft) {
    return buft == flash_head_buffer_type(dev) || ggml_backend_buft_is_host(buft);
}

static ggml_backend_event_t flash_head_device_event_new(ggml_backend_dev_t dev) {
    return new ggml_backend_event { /* .device = */ dev, /* .context = */ nullptr };
}

static void flash_head_device_event_free(ggml_backend_dev_t, ggml_backend_event_t event) {
    delete event;
}

static void flash_head_device_event_synchronize(ggml_backend_dev_t, ggml_backend_event_t) {
}

static const ggml_backend_device_i flash_head_device_i = {
    /* .get_name             = */ flash_head_device_get_name,
    /* .get_description      = */ flash_head_device_get_description,
    /* .get_memory           = */ flash_head_device_get_memory,
    /* .get_type             = */ flash_head_device_get_type,
    /* .get_props            = */ flash_head_device_get_props,
    /* .init_backend         = */ flash_head_device_init_backend,
    /* .get_buffer_type      = */ flash_head_device_get_buffer_type,
    /* .get_host_buffer_type = */ nullptr,
    /* .buffer_from_host_ptr = */ nullptr,
    /* .supports_op          = */ flash_head_device_supports_op,
    /* .supports_buft        = */ flash_head_device_supports_buft,
    /* .offload_op           = */ nullptr,
    /* .event_new            = */ flash_head_device_event_new,
    /* .event_free           = */ flash_head_device_event_free,
    /* .event_synchronize    = */ flash_head_device_event_synchronize,
};

// registration

static const char * flash_head_reg_get_name(ggml_backend_reg_t) {
    return NAME;
}

// Ollama numbers its GPUs by the devices that `llama-server --list-devices` prints, so ours must not be listed.
static bool lists_devices() {
    const std::vector<std::string> args = flash_head_process_args();
    return std::find(args.begin(), args.end(), "--list-devices") != args.end();
}

// Why the plug-in offers no device, so that the host runs as without it; "" if it offers one.
static std::string reason_to_rest() {
    const char * enabled = getenv("FLASHHEAD_ENABLED");
    if (enabled != nullptr && strcmp(enabled, "0") == 0) {
        return "FLASHHEAD_ENABLED=0";
    }
    if (flash_head_host_is_patched()) {
        return "this runtime has FlashHead of its own";
    }
    return flash_head_host_refusal(ggml_version(), ggml_commit());
}

static size_t flash_head_reg_get_device_count(ggml_backend_reg_t) {
    static const size_t count = [] {
        if (lists_devices()) {
            return 0;
        }
        const std::string reason = reason_to_rest();
        if (!reason.empty()) {
            GGML_LOG_INFO("flash_head: the plug-in rests: %s\n", reason.c_str());
        }
        return reason.empty() ? 1 : 0;
    }();
    return count;
}

static ggml_backend_dev_t flash_head_reg_get_device(ggml_backend_reg_t reg, size_t index) {
    GGML_ASSERT(index == 0);
    static ggml_backend_device device = {
        /* .iface   = */ flash_head_device_i,
        /* .reg     = */ reg,
        /* .context = */ nullptr,
    };
    return &device;
}

static void * flash_head_reg_get_proc_address(ggml_backend_reg_t, const char * name) {
    if (strcmp(name, "ggml_backend_set_n_threads") == 0) {
        ggml_backend_set_n_threads_t function = flash_head_backend_set_n_threads;
        return (void *) function;
    }
    return nullptr;
}

static ggml_backend_reg_t flash_head_reg() {
    static ggml_backend_reg reg = {
        /* .api_version = */ GGML_BACKEND_API_VERSION, // the host refuses any other
        /* .iface       = */ {
            /* .get_name         = */ flash_head_reg_get_name,
            /* .get_device_count = */ flash_head_reg_get_device_count,
            /* .get_device       = */ flash_head_reg_get_device,
            /* .get_proc_address = */ flash_head_reg_get_proc_address,
        },
        /* .context     = */ nullptr,
    };
    return &reg;
}

// the host takes the library with the highest score; 0 means unusable
static int flash_head_score() {
    return 1;
}

GGML_BACKEND_DL_IMPL(flash_head_reg)
GGML_BACKEND_DL_SCORE_IMPL(flash_head_score)
