// Replaces ggml-metal-context.m, on the device of metal-device.cpp. A graph is computed synchronously.

#include "ggml-impl.h"
#include "ggml-metal-context.h"
#include "ggml-metal-ops.h"

#include <string.h>

struct ggml_metal {
    ggml_metal_device_t dev;
};

ggml_metal_t ggml_metal_init(ggml_metal_device_t dev) { return new ggml_metal{ dev }; }
void         ggml_metal_free(ggml_metal_t ctx)        { delete ctx; }

const char * ggml_metal_get_name(ggml_metal_t) { return "MTL"; }

ggml_status ggml_metal_graph_compute(ggml_metal_t ctx, ggml_cgraph * gf) {
    ggml_metal_op_t op = ggml_metal_op_init(ctx->dev, nullptr, gf, ggml_metal_device_get_fusion_info(ctx->dev), 0,
            gf->n_nodes,
            /*use_concurrency =*/ true, /*use_capture =*/ false, /*debug_graph =*/ 0);
    for (int i = 0; i < ggml_metal_op_n_nodes(op); ) {
        i += ggml_metal_op_encode(op, i);
    }
    ggml_metal_op_free(op); // ends the encoder, which runs it
    return GGML_STATUS_SUCCESS;
}

void ggml_metal_set_tensor_async(ggml_metal_t, ggml_tensor * t, const void * data, size_t offset, size_t size) {
    memcpy((char *) t->data + offset, data, size);
}

void ggml_metal_get_tensor_async(ggml_metal_t, const ggml_tensor * t, void * data, size_t offset, size_t size) {
    memcpy(data, (const char *) t->data + offset, size);
}

void ggml_metal_synchronize(ggml_metal_t)    {}
void ggml_metal_set_n_cb(ggml_metal_t, int)  {}

// unused functions

#define NEVER(returns, name, ...) returns name(__VA_ARGS__) { GGML_ABORT("%s was called", #name); }
extern "C" {
NEVER(bool, ggml_metal_cpy_tensor_async, ggml_metal_t, ggml_metal_t, const ggml_tensor *, ggml_tensor *)
NEVER(void, ggml_metal_graph_optimize, ggml_metal_t, ggml_cgraph *)
NEVER(void, ggml_metal_event_record, ggml_metal_t, ggml_metal_event_t)
NEVER(void, ggml_metal_event_wait, ggml_metal_t, ggml_metal_event_t)
NEVER(void, ggml_metal_set_abort_callback, ggml_metal_t, ggml_abort_callback, void *)
NEVER(bool, ggml_metal_supports_family, ggml_metal_t, int)
NEVER(void, ggml_metal_capture_next_compute, ggml_metal_t)
}
