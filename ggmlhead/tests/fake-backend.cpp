// A fake GPU, for tests of where a head is placed: a ggml backend library (loaded by GGML_BACKEND_PATH) with one device
// of type GPU. Its memory is not host memory, and it computes with the CPU backend. After each graph it logs how many
// heads it has computed, and how many bytes were copied to and from its memory:
//     fake_backend: flash_head 3, set 12 times 5120 bytes, get 3 times 384000 bytes, 128000 at most
// The environment says what it can do:
//     FAKE_BACKEND_FLASH_HEAD=1   it has the FLASH_HEAD op, without codes, grouped centroids, a second copy
//     FAKE_BACKEND_CODES=1        and that with codes
//     FAKE_BACKEND_SAYS_YES=1     it claims every op, as backends do that only forward
//     FAKE_BACKEND_HOST_BUFFER=1  it has pinned host memory, a buffer type that is host memory and names this device
//     FAKE_BACKEND_CUDA=1         it calls itself CUDA0, and CUDA_VISIBLE_DEVICES hides it unless that is 0
// It loads in a stock ggml, too, which has no FLASH_HEAD op.

#include "ggml-backend-impl.h"
#include "ggml-flash-head.h"
#include "ggml-impl.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#pragma weak ggml_flash_head_get_params

static const size_t ALIGNMENT = 64;
static const size_t MEMORY    = (size_t) 4 << 30; // claimed

struct copies {
    std::atomic<int64_t> calls = {0}, bytes = {0}, most = {0};

    void add(size_t n) {
        calls++;
        bytes += (int64_t) n;
        if (most < (int64_t) n) { // one thread copies
            most = (int64_t) n;
        }
    }
};

static copies               to_device, to_host;
static std::atomic<int64_t> n_heads = {0};

static bool option(const char * name) {
    const char * value = getenv(name);
    return value != nullptr && strcmp(value, "1") == 0;
}

static ggml_backend_dev_t cpu_device() {
    return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
}

// buffers

static void buffer_free(ggml_backend_buffer_t buffer) {
    ::operator delete(buffer->context, std::align_val_t(ALIGNMENT));
}

static void * buffer_get_base(ggml_backend_buffer_t buffer) {
    return buffer->context;
}

static void buffer_memset(ggml_backend_buffer_t, ggml_tensor * tensor, uint8_t value, size_t offset, size_t size) {
    memset((char *) tensor->data + offset, value, size);
}

static void buffer_set(ggml_backend_buffer_t, ggml_tensor * tensor, const void * data, size_t offset, size_t size) {
    to_device.add(size);
    memcpy((char *) tensor->data + offset, data, size);
}

static void buffer_get(ggml_backend_buffer_t, const ggml_tensor * tensor, void * data, size_t offset, size_t size) {
    to_host.add(size);
    memcpy(data, (const char *) tensor->data + offset, size);
}

static void buffer_clear(ggml_backend_buffer_t buffer, uint8_t value) {
    memset(buffer->context, value, buffer->size);
}

static const ggml_backend_buffer_i BUFFER = {
    /* .free_buffer   = */ buffer_free,
    /* .get_base      = */ buffer_get_base,
    /* .init_tensor   = */ nullptr,
    /* .memset_tensor = */ buffer_memset,
    /* .set_tensor    = */ buffer_set,
    /* .get_tensor    = */ buffer_get,
    /* .set_tensor_2d = */ nullptr,
    /* .get_tensor_2d = */ nullptr,
    /* .cpy_tensor    = */ nullptr, // every copy is a set or a get
    /* .clear         = */ buffer_clear,
    /* .reset         = */ nullptr,
};

static ggml_backend_buffer_t buft_alloc(ggml_backend_buffer_type_t buft, size_t size) {
    void * data = ::operator new(size > 0 ? size : 1, std::align_val_t(ALIGNMENT), std::nothrow);
    return data ? ggml_backend_buffer_init(buft, BUFFER, data, size) : nullptr;
}

static const char * buft_name(ggml_backend_buffer_type_t)      { return "FAKE"; }
static size_t       buft_alignment(ggml_backend_buffer_type_t) { return ALIGNMENT; }

static ggml_backend_buffer_type_t device_buft(ggml_backend_dev_t dev) {
    static ggml_backend_buffer_type buft =
            { { buft_name, buft_alloc, buft_alignment, nullptr, nullptr, /*.is_host =*/ nullptr }, dev, nullptr };
    return &buft;
}

// Pinned memory, as real GPU backends make it: CPU buffers under another name.
static const char * host_buft_name(ggml_backend_buffer_type_t) { return "FAKE_Host"; }

static ggml_backend_buffer_t host_buft_alloc(ggml_backend_buffer_type_t buft, size_t size) {
    ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_dev_buffer_type(cpu_device()), size);
    if (buffer) {
        buffer->buft = buft;
    }
    return buffer;
}

static bool host_buft_is_host(ggml_backend_buffer_type_t) { return true; }

static ggml_backend_buffer_type_t device_host_buft(ggml_backend_dev_t dev) {
    static ggml_backend_buffer_type buft =
            { { host_buft_name, host_buft_alloc, buft_alignment, nullptr, nullptr, host_buft_is_host }, dev, nullptr };
    return option("FAKE_BACKEND_HOST_BUFFER") ? &buft : nullptr;
}

// the stream: context is a CPU backend, which does the work

static const char * backend_name(ggml_backend_t) { return "FAKE"; }

static void backend_free(ggml_backend_t backend) {
    ggml_backend_free((ggml_backend_t) backend->context);
    delete backend;
}

static ggml_status backend_compute(ggml_backend_t backend, ggml_cgraph * graph) {
    for (int i = 0; i < graph->n_nodes; i++) {
        n_heads += graph->nodes[i]->op == GGML_OP_FLASH_HEAD;
    }
    const ggml_status status = ggml_backend_graph_compute((ggml_backend_t) backend->context, graph);
    GGML_LOG_INFO("fake_backend: flash_head %lld, set %lld times %lld bytes, get %lld times %lld bytes, %lld at most\n",
            (long long) n_heads,
            (long long) to_device.calls, (long long) to_device.bytes, (long long) to_host.calls,
            (long long) to_host.bytes, (long long) to_host.most);
    return status;
}

static const ggml_backend_i BACKEND = {
    /* .get_name            = */ backend_name,
    /* .free                = */ backend_free,
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
    /* .graph_compute       = */ backend_compute,
    /* .event_record        = */ nullptr,
    /* .event_wait          = */ nullptr,
    /* .graph_optimize      = */ nullptr,
};

static ggml_backend_t device_init(ggml_backend_dev_t dev, const char *) {
    static ggml_guid guid = { 'f', 'a', 'k', 'e', ' ', 'b', 'a', 'c', 'k', 'e', 'n', 'd', 0, 0, 0, 1 };
    ggml_backend_t cpu = ggml_backend_dev_init(cpu_device(), nullptr);
    auto set_n_threads = (ggml_backend_set_n_threads_t) ggml_backend_reg_get_proc_address(
            ggml_backend_dev_backend_reg(cpu_device()), "ggml_backend_set_n_threads");
    set_n_threads(cpu, 1); // more threads than processors would wait for each other
    return cpu ? new ggml_backend { &guid, BACKEND, dev, cpu } : nullptr;
}

// the device

static const char * device_name(ggml_backend_dev_t)        { return option("FAKE_BACKEND_CUDA") ? "CUDA0" : "FAKE0"; }
static const char * device_description(ggml_backend_dev_t) { return "no GPU, for tests"; }

static void device_memory(ggml_backend_dev_t, size_t * free, size_t * total) {
    *free = *total = MEMORY;
}

static enum ggml_backend_dev_type device_type(ggml_backend_dev_t) { return GGML_BACKEND_DEVICE_TYPE_GPU; }

static void device_props(ggml_backend_dev_t dev, ggml_backend_dev_props * props) {
    props->name        = device_name(dev);
    props->description = device_description(dev);
    props->type        = device_type(dev);
    device_memory(dev, &props->memory_free, &props->memory_total);
    props->caps.host_buffer = option("FAKE_BACKEND_HOST_BUFFER");
}

static bool device_supports_op(ggml_backend_dev_t, const ggml_tensor * op) {
    if (option("FAKE_BACKEND_SAYS_YES")) {
        return true;
    }
    if (op->op == GGML_OP_FLASH_HEAD) {
        const bool codes = op->src[GGML_FLASH_HEAD_SRC_COARSE] != nullptr;
        if (!option("FAKE_BACKEND_FLASH_HEAD") || ggml_flash_head_get_params(op).grouped
                || (codes ? !option("FAKE_BACKEND_CODES") : op->src[GGML_FLASH_HEAD_SRC_ORDERED] != nullptr)) {
            return false;
        }
    }
    return ggml_backend_dev_supports_op(cpu_device(), op);
}

static bool device_supports_buft(ggml_backend_dev_t dev, ggml_backend_buffer_type_t buft) {
    return buft == device_buft(dev);
}

// Like real GPUs, wants large batches with weights in host memory.
static bool device_offload(ggml_backend_dev_t, const ggml_tensor * op) {
    return op->ne[1] >= 32 && op->op != GGML_OP_GET_ROWS;
}

static ggml_backend_reg_t fake_reg();

static ggml_backend_dev_t fake_device() {
    static const ggml_backend_device_i DEVICE = {
        /* .get_name             = */ device_name,
        /* .get_description      = */ device_description,
        /* .get_memory           = */ device_memory,
        /* .get_type             = */ device_type,
        /* .get_props            = */ device_props,
        /* .init_backend         = */ device_init,
        /* .get_buffer_type      = */ device_buft,
        /* .get_host_buffer_type = */ device_host_buft,
        /* .buffer_from_host_ptr = */ nullptr,
        /* .supports_op          = */ device_supports_op,
        /* .supports_buft        = */ device_supports_buft,
        /* .offload_op           = */ device_offload,
        /* .event_new            = */ nullptr,
        /* .event_free           = */ nullptr,
        /* .event_synchronize    = */ nullptr,
    };
    static ggml_backend_device device = { DEVICE, fake_reg(), nullptr };
    return &device;
}

// the library

static bool hidden() {
    const char * visible = getenv("CUDA_VISIBLE_DEVICES");
    return option("FAKE_BACKEND_CUDA") && visible != nullptr && strcmp(visible, "0") != 0;
}

static const char *       reg_name(ggml_backend_reg_t)               { return "FAKE"; }
static size_t             reg_device_count(ggml_backend_reg_t)       { return hidden() ? 0 : 1; }
static ggml_backend_dev_t reg_device(ggml_backend_reg_t, size_t)     { return fake_device(); }
static void *             reg_proc(ggml_backend_reg_t, const char *) { return nullptr; }

static ggml_backend_reg_t fake_reg() {
    static ggml_backend_reg reg = { GGML_BACKEND_API_VERSION, { reg_name, reg_device_count, reg_device, reg_proc },
            nullptr };
    return &reg;
}

GGML_BACKEND_DL_IMPL(fake_reg)
