#include "flash-head-host-check.h"

#include "flash-head-layout.h"
#include "ggml-backend-impl.h"
#include "ggml-cpp.h"

#include <string.h>

// enum values are compiled in; an inserted type or op shifts them
static bool same_numbers() {
    static const struct { ggml_type type; const char * name; } types[] = {
        { GGML_TYPE_F32,  "f32"  }, { GGML_TYPE_F16,  "f16"  }, { GGML_TYPE_Q4_0, "q4_0" }, { GGML_TYPE_Q8_0, "q8_0" },
        { GGML_TYPE_Q4_K, "q4_K" }, { GGML_TYPE_Q6_K, "q6_K" }, { GGML_TYPE_BF16, "bf16" },
    };
    static const struct { ggml_op op; const char * name; } ops[] = {
        { GGML_OP_NONE, "NONE" }, { GGML_OP_MUL_MAT, "MUL_MAT" }, { GGML_OP_RESHAPE, "RESHAPE" },
        { GGML_OP_VIEW, "VIEW" },
        { GGML_OP_PERMUTE, "PERMUTE" }, { GGML_OP_TRANSPOSE, "TRANSPOSE" }, { GGML_OP_CUSTOM, "CUSTOM" },
    };
    for (const auto & t : types) {
        if (strcmp(ggml_type_name(t.type), t.name) != 0) {
            return false;
        }
    }
    for (const auto & o : ops) {
        if (strcmp(ggml_op_name(o.op), o.name) != 0) {
            return false;
        }
    }
    return true;
}

// a node's fields; an inserted field moves those after the shape
static bool same_nodes() {
    if (!flash_head_same_layout()) {
        return false;
    }
    ggml_context_ptr ctx(ggml_init({ 4*ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
    if (!ctx) {
        return false;
    }
    ggml_tensor * a = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, 8, 3);
    ggml_tensor * b = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, 8, 2);
    ggml_tensor * y = ggml_mul_mat(ctx.get(), a, b);
    ggml_tensor * v = ggml_view_1d(ctx.get(), y, 3, 3*sizeof(float));
    ggml_set_output(y);
    return y->op == GGML_OP_MUL_MAT && y->src[0] == a && y->src[1] == b && y->src[2] == nullptr && y->ne[0] == 3
            && y->ne[1] == 2
        && (y->flags & GGML_TENSOR_FLAG_OUTPUT) && v->view_src == y && v->view_offs == 3*sizeof(float);
}

// A function table has the expected length if the field after it is where the runtime finds it.
static bool same_buffers() {
    ggml_backend_buffer_type_t buft = ggml_backend_cpu_buffer_type();
    ggml_backend_buffer_ptr buffer(ggml_backend_buft_alloc_buffer(buft, 64));
    if (!buffer) {
        return false;
    }
    ggml_backend_buffer_set_usage(buffer.get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
    return buft->device == ggml_backend_buft_get_device(buft) && buft->iface.is_host != nullptr
            && buft->iface.is_host(buft)
        && buffer->buft == ggml_backend_buffer_get_type(buffer.get())
        && buffer->size == ggml_backend_buffer_get_size(buffer.get())
        && buffer->usage == GGML_BACKEND_BUFFER_USAGE_WEIGHTS
        && buffer->iface.get_base(buffer.get()) == ggml_backend_buffer_get_base(buffer.get());
}

static bool same_devices(ggml_backend_dev_t cpu) {
    ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(cpu);
    if (cpu->reg != reg || reg->api_version != GGML_BACKEND_API_VERSION || reg->iface.get_device_count(reg) != 1 ||
        reg->iface.get_device(reg, 0) != cpu || cpu->iface.get_type(cpu) != GGML_BACKEND_DEVICE_TYPE_CPU ||
        strcmp(cpu->iface.get_name(cpu), ggml_backend_dev_name(cpu)) != 0) {
        return false;
    }
    // a device's properties, with room for unknown fields
    struct { ggml_backend_dev_props known; uint8_t more[256]; } props;
    memset((void *) &props, 0xaa, sizeof(props));
    cpu->iface.get_props(cpu, &props.known);
    uint8_t last;
    memcpy(&last, &props.known.caps.mmap_support, 1);
    return props.known.type == GGML_BACKEND_DEVICE_TYPE_CPU && last <= 1;
}

static bool same_backends(ggml_backend_dev_t cpu) {
    ggml_backend_ptr backend(ggml_backend_dev_init(cpu, nullptr));
    return backend && backend->device == cpu && backend->guid == ggml_backend_guid(backend.get())
        && backend->iface.graph_compute != nullptr
        && strcmp(backend->iface.get_name(backend.get()), ggml_backend_name(backend.get())) == 0;
}

// the plan of an empty graph; a library with a larger ggml_cplan would write beyond ours
static bool same_plans(const flash_head_host & host) {
    struct padded { ggml_cplan known; uint8_t more[256]; };
    typedef padded plan_function(const ggml_cgraph *, int, ggml_threadpool *);

    alignas(64) static uint8_t threads[4096] = {}; // stands for a thread pool; nothing runs on it
    ggml_context_ptr ctx(ggml_init({ ggml_graph_overhead_custom(1, false), nullptr, /*.no_alloc =*/ true }));
    if (!ctx) {
        return false;
    }
    ggml_cgraph * graph = ggml_new_graph_custom(ctx.get(), 1, false);
    const padded plan = ((plan_function *) (void *) host.graph_plan)(graph, 1, (ggml_threadpool *) (void *) threads);
    return plan.known.work_size == 0 && plan.known.work_data == nullptr && plan.known.n_threads == 1
        && (void *) plan.known.threadpool == (void *) threads && plan.known.abort_callback == nullptr;
}

// the dot products and their types
static bool same_dots(const flash_head_host & host) {
    static const struct { ggml_type type, other; } dots[] = {
        { GGML_TYPE_F32,  GGML_TYPE_F32  }, { GGML_TYPE_F16,  GGML_TYPE_F16  }, { GGML_TYPE_Q8_0, GGML_TYPE_Q8_0 },
        { GGML_TYPE_Q4_0, GGML_TYPE_Q8_0 }, { GGML_TYPE_Q6_K, GGML_TYPE_Q8_K },
    };
    for (const auto & d : dots) {
        const ggml_type_traits_cpu * traits = host.get_type_traits(d.type);
        if (traits == nullptr || traits->vec_dot == nullptr || traits->vec_dot_type != d.other || traits->nrows < 1
                || traits->nrows > 8) {
            return false;
        }
    }
    float x[32], sum = 0.0f;
    for (int i = 0; i < 32; i++) { x[i] = (float) i; }
    host.get_type_traits(GGML_TYPE_F32)->vec_dot(32, &sum, 0, x, 0, x, 0, 1);
    return sum == 10416.0f; // of the squares of 0 to 31, exact in any order
}

std::string flash_head_host_difference(const flash_head_host & host) {
    return !same_numbers()          ? "numbers of types or ops"
         : !same_nodes()            ? "tensors"
         : !same_buffers()          ? "buffers"
         : !same_devices(host.cpu)  ? "devices"
         : !same_backends(host.cpu) ? "backends"
         : !same_plans(host)        ? "plans of graphs"
         : !same_dots(host)         ? "dot products"
         : "";
}
