// A Metal device without Metal: replaces ggml-metal-device.m, with host memory and kernels that are functions of this
// process. Functions that FLASH_HEAD does not need end the program.
//
// It is stricter than a GPU about errors that FLASH_HEAD could have. A new pipeline forgets all bindings. Launches
// between two barriers run in reverse order. Buffers begin as NaN, and a guard at their end must not change.

#include "metal-device.h"

#include "ggml-metal-device.h"
#include "ggml-metal-flash-head.h"
#include "ggml-metal-fusion.h"
#include "metal-kernels.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <functional>
#include <memory>

metal_settings metal_device_settings;

static void fail(const char * fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fail(const char * fmt, ...) {
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "metal: ");
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
    abort();
}

// device and library

struct ggml_metal_library {
    ggml_metal_device_t    dev;
    ggml_metal_pipelines_t pipelines;
};

struct ggml_metal_device {
    ggml_metal_device_props  props;
    ggml_metal_library       lib;
    ggml_metal_fusion_info * finfo;
};

ggml_metal_device_t ggml_metal_device_init(int device, int n_devices) {
    ggml_metal_device * dev = new ggml_metal_device{};
    dev->props.device      = device;
    dev->props.device_virt = n_devices;
    snprintf(dev->props.name, sizeof(dev->props.name), "MTL%d", device);
    snprintf(dev->props.desc, sizeof(dev->props.desc), "Metal's kernels on fibers");
    dev->props.max_buffer_size            = (size_t) 1 << 32;
    dev->props.max_theadgroup_memory_size = 32*1024;
    dev->props.has_simdgroup_reduction    = true;
    dev->props.has_bfloat                 = true;
    dev->lib   = { dev, ggml_metal_pipelines_init() };
    dev->finfo = ggml_metal_fusion_info_init(true, 0);
    return dev;
}

void ggml_metal_device_free(ggml_metal_device_t dev) {
    ggml_metal_pipelines_free(dev->lib.pipelines);
    ggml_metal_fusion_info_free(dev->finfo);
    delete dev;
}

const ggml_metal_device_props * ggml_metal_device_get_props(ggml_metal_device_t dev) { return &dev->props; }
ggml_metal_library_t     ggml_metal_device_get_library    (ggml_metal_device_t dev)  { return &dev->lib; }
ggml_metal_fusion_info * ggml_metal_device_get_fusion_info(ggml_metal_device_t dev)  { return dev->finfo; }
ggml_metal_device_t      ggml_metal_library_get_device    (ggml_metal_library_t lib) { return lib->dev; }

void ggml_metal_device_get_memory(ggml_metal_device_t, size_t * free, size_t * total) {
    *free = *total = (size_t) 1 << 32;
}

// the same as in the patch to ggml-metal-device.m
bool ggml_metal_device_supports_op(ggml_metal_device_t, const ggml_tensor * op) {
    return op->op == GGML_OP_NONE || (op->op == GGML_OP_FLASH_HEAD && ggml_metal_op_flash_head_supported(op));
}

// pipelines

struct ggml_metal_cv {
    std::map<int, int> values;
};

struct ggml_metal_pipeline {
    std::string          name;
    const metal_kernel * kernel;
    std::map<int, int>   constants;
};

ggml_metal_cv_t ggml_metal_cv_init()                                             { return new ggml_metal_cv; }
void ggml_metal_cv_free     (ggml_metal_cv_t cv)                                 { delete cv; }
void ggml_metal_cv_set_int16(ggml_metal_cv_t cv, int16_t value, int32_t idx)     { cv->values[idx] = value; }
void ggml_metal_pipeline_free(ggml_metal_pipeline_t pipeline)                    { delete pipeline; }

ggml_metal_pipeline_with_params ggml_metal_library_get_pipeline(ggml_metal_library_t lib, const char * name) {
    ggml_metal_pipeline_with_params result = {};
    result.pipeline = ggml_metal_pipelines_get(lib->pipelines, name);
    return result;
}

ggml_metal_pipeline_with_params ggml_metal_library_compile_pipeline(ggml_metal_library_t lib, const char * base,
        const char * name, ggml_metal_cv_t cv) {
    const auto found = metal_kernels().find(base);
    if (found == metal_kernels().end()) {
        fail("there is no kernel %s", base);
    }
    ggml_metal_pipeline_with_params result = {};
    result.pipeline = new ggml_metal_pipeline{ name, &found->second, cv ? cv->values : std::map<int, int>() };
    ggml_metal_pipelines_add(lib->pipelines, name, result.pipeline);
    return result;
}

int ggml_metal_pipeline_max_theads_per_threadgroup(ggml_metal_pipeline_with_params) {
    return metal_device_settings.max_threads;
}

// encoder

struct ggml_metal_encoder {
    ggml_metal_pipeline_t pipeline = nullptr;
    metal_bindings        bindings;
    std::vector<std::shared_ptr<std::vector<uint64_t>>> bytes; // from set_bytes; a launch keeps them
    size_t                shared_size = 0;

    std::vector<std::function<void()>> pending; // since the last barrier

    void bind(int idx, void * p) {
        if ((size_t) idx >= bindings.size()) {
            bindings.resize(idx + 1);
        }
        bindings[idx] = p;
    }

    void run() {
        for (; !pending.empty(); pending.pop_back()) {
            pending.back()();
        }
    }
};

ggml_metal_encoder_t ggml_metal_encoder_init(ggml_metal_cmd_buf_t, bool)    { return new ggml_metal_encoder; }
void ggml_metal_encoder_free          (ggml_metal_encoder_t enc)            { delete enc; }
void ggml_metal_encoder_end_encoding  (ggml_metal_encoder_t enc)            { enc->run(); }
void ggml_metal_encoder_memory_barrier(ggml_metal_encoder_t enc)            { enc->run(); }

void ggml_metal_encoder_set_pipeline(ggml_metal_encoder_t enc, ggml_metal_pipeline_with_params pipeline) {
    enc->pipeline    = pipeline.pipeline;
    enc->bindings    = {};
    enc->bytes       = {};
    enc->shared_size = 0;
}

void ggml_metal_encoder_set_bytes(ggml_metal_encoder_t enc, void * data, size_t size, int idx) {
    if (size > 4096) {
        fail("%zu bytes are too many for set_bytes", size);
    }
    enc->bytes.push_back(std::make_shared<std::vector<uint64_t>>((size + 7)/8));
    memcpy(enc->bytes.back()->data(), data, size);
    enc->bind(idx, enc->bytes.back()->data());
}

void ggml_metal_encoder_set_buffer(ggml_metal_encoder_t enc, ggml_metal_buffer_id buffer, int idx) {
    enc->bind(idx, (char *) buffer.metal + buffer.offs);
}

void ggml_metal_encoder_set_threadgroup_memory_size(ggml_metal_encoder_t enc, size_t size, int idx) {
    if (idx != 0 || size % 16 != 0 || size > 32*1024) {
        fail("%zu bytes of threadgroup memory at index %d", size, idx);
    }
    enc->shared_size = size;
}

void ggml_metal_encoder_dispatch_threadgroups(ggml_metal_encoder_t enc, int tg0, int tg1, int tg2, int tptg0, int tptg1,
        int tptg2) {
    const ggml_metal_pipeline & p = *enc->pipeline;
    if (enc->bindings.size() != p.kernel->n_buffers || p.kernel->shared != (enc->shared_size > 0)) {
        fail("%s has %zu buffers and %zu bytes of threadgroup memory", p.name.c_str(), enc->bindings.size(),
                enc->shared_size);
    }
    for (void * b : enc->bindings) {
        if (b == nullptr) {
            fail("%s lacks a buffer", p.name.c_str());
        }
    }
    if (tptg0*tptg1*tptg2 > metal_device_settings.max_threads || tptg0*tptg1*tptg2 % 32 != 0) {
        fail("%s has %d threads in a threadgroup", p.name.c_str(), tptg0*tptg1*tptg2);
    }
    metal_device_settings.n_launches++;

    lanes_grid grid;
    grid.blocks      = { (unsigned) tg0,   (unsigned) tg1,   (unsigned) tg2 };
    grid.threads     = { (unsigned) tptg0, (unsigned) tptg1, (unsigned) tptg2 };
    grid.shared_size = enc->shared_size;
    grid.order       = metal_device_settings.order;
    const auto bindings = enc->bindings;
    const auto bytes    = enc->bytes;
    enc->pending.push_back([&p, grid, bindings, bytes] {
        metal_constants = &p.constants;
        lanes_run(grid, [&] { p.kernel->run(bindings); });
    });
}

void ggml_metal_encoder_debug_group_push(ggml_metal_encoder_t, const char *) {}
void ggml_metal_encoder_debug_group_pop (ggml_metal_encoder_t) {}

// buffers

static const size_t  END_SIZE = 4096;
static const uint8_t END_BYTE = 0xa5;

struct ggml_metal_buffer {
    std::unique_ptr<char[]> memory;
    char * base;
    size_t size;
    bool   shared;
};

ggml_metal_buffer_t ggml_metal_buffer_init(ggml_metal_device_t, size_t size, bool shared) {
    ggml_metal_buffer * buf = new ggml_metal_buffer;
    buf->memory.reset(new char[size + END_SIZE + 256]);
    buf->base   = (char *) (((uintptr_t) buf->memory.get() + 255) & ~(uintptr_t) 255);
    buf->size   = size;
    buf->shared = shared;
    memset(buf->base, 0xff, size);
    memset(buf->base + size, END_BYTE, END_SIZE);
    return buf;
}

void ggml_metal_buffer_free(ggml_metal_buffer_t buf) {
    for (size_t i = 0; i < END_SIZE; i++) {
        if ((uint8_t) buf->base[buf->size + i] != END_BYTE) {
            fail("something was written %zu bytes behind a buffer", i);
        }
    }
    delete buf;
}

void * ggml_metal_buffer_get_base (ggml_metal_buffer_t buf) { return buf->base; }
bool   ggml_metal_buffer_is_shared(ggml_metal_buffer_t buf) { return buf->shared; }
void   ggml_metal_buffer_clear    (ggml_metal_buffer_t buf, uint8_t value) { memset(buf->base, value, buf->size); }

void ggml_metal_buffer_memset_tensor(ggml_metal_buffer_t, ggml_tensor * t, uint8_t value, size_t offset, size_t size) {
    memset((char *) t->data + offset, value, size);
}
void ggml_metal_buffer_set_tensor(ggml_metal_buffer_t, ggml_tensor * t, const void * data, size_t offset, size_t size) {
    memcpy((char *) t->data + offset, data, size);
}
void ggml_metal_buffer_get_tensor(ggml_metal_buffer_t, const ggml_tensor * t, void * data, size_t offset, size_t size) {
    memcpy(data, (const char *) t->data + offset, size);
}

ggml_metal_buffer_id ggml_metal_buffer_get_id(ggml_metal_buffer_t buf, const ggml_tensor * t) {
    const size_t offset = (char *) t->data - buf->base;
    if (offset + ggml_nbytes(t) > buf->size) {
        fail("a tensor is not in its buffer");
    }
    return { buf->base, offset };
}

// unused functions

#define NEVER(returns, name, ...) returns name(__VA_ARGS__) { fail("%s was called", #name); }
extern "C" {
NEVER(bool, ggml_metal_buffer_cpy_tensor, ggml_metal_buffer_t, const ggml_tensor *, ggml_tensor *)
NEVER(ggml_metal_buffer_t, ggml_metal_buffer_map, ggml_metal_device_t, void *, size_t, size_t)
NEVER(void, ggml_metal_cv_set_bool,  ggml_metal_cv_t, bool, int32_t)
NEVER(void, ggml_metal_cv_set_int32, ggml_metal_cv_t, int32_t, int32_t)
NEVER(ggml_metal_event_t, ggml_metal_device_event_init, ggml_metal_device_t)
NEVER(void, ggml_metal_device_event_free, ggml_metal_device_t, ggml_metal_event_t)
NEVER(void, ggml_metal_device_event_synchronize, ggml_metal_device_t, ggml_metal_event_t)
NEVER(const char *, ggml_metal_device_id_token, ggml_metal_device_id)
}
