#include "commands.h"

#include "ggml-backend.h"
#include "ggml-flash-head.h"
#include "json.h"

#include <cstdio>

// Whether a device says that it can run the operation, asked with a small tensor of it.
static bool has_flash_head(ggml_backend_dev_t dev) {
    const int64_t n_embd = 256, n_vocab = 64, n_clusters = 4;

    struct ggml_init_params init = { 16*ggml_tensor_overhead(), nullptr, /*no_alloc =*/ true };
    struct ggml_context * ctx = ggml_init(init);

    struct ggml_flash_head_sources sources = {};
    sources.centroids = ggml_new_tensor_2d(ctx, GGML_TYPE_Q4_0, n_embd, n_clusters);
    sources.places    = ggml_new_tensor_2d(ctx, GGML_TYPE_I32,  n_vocab, 2);
    sources.tokens    = ggml_new_tensor_1d(ctx, GGML_TYPE_I32,  n_vocab);
    sources.offsets   = ggml_new_tensor_1d(ctx, GGML_TYPE_I32,  n_clusters + 1);

    struct ggml_flash_head_params params = {};
    params.n_probe     = 1;
    params.mode        = GGML_FLASH_HEAD_TOP;
    params.temperature = 1.0f;

    struct ggml_tensor * weight = ggml_new_tensor_2d(ctx, GGML_TYPE_Q8_0, n_embd, n_vocab);
    struct ggml_tensor * x      = ggml_new_tensor_2d(ctx, GGML_TYPE_F32,  n_embd, 1);
    const bool yes = ggml_backend_dev_supports_op(dev, ggml_flash_head(ctx, weight, x, &sources, &params));
    ggml_free(ctx);
    return yes;
}

static const char * type_name(enum ggml_backend_dev_type type) {
    switch (type) {
        case GGML_BACKEND_DEVICE_TYPE_CPU:   return "cpu";
        case GGML_BACKEND_DEVICE_TYPE_GPU:   return "gpu";
        case GGML_BACKEND_DEVICE_TYPE_IGPU:  return "igpu";
        case GGML_BACKEND_DEVICE_TYPE_ACCEL: return "accel";
        default:                             return "other";
    }
}

int flash_head_tool_devices(int argc, char ** argv) {
    if (argc > 0) {
        fprintf(stderr, "error: devices takes no arguments: %s\n", argv[0]);
        return 2;
    }
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr);
    ggml_backend_load_all();

    std::string list;
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t dev = ggml_backend_dev_get(i);
        json_object device;
        device.add("name",        ggml_backend_dev_name(dev));
        device.add("description", ggml_backend_dev_description(dev));
        device.add("type",        type_name(ggml_backend_dev_type(dev)));
        device.add("flash_head",  has_flash_head(dev));
        list += (i > 0 ? "," : "") + device.end();
    }
    json_object out;
    out.add_raw("devices", "[" + list + "]");
    printf("%s\n", out.end().c_str());
    return 0;
}
