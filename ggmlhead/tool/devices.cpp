#include "commands.h"

#include "flags.h"
#include "flash-head-codes.h"
#include "ggml-backend.h"
#include "ggml-cpp.h"
#include "ggml-flash-head.h"
#include "json.h"

#include <cstdlib>
#include <sstream>

// A head's types and sizes, for a backend.
struct head_shape {
    std::string type          = ""; // of the weight
    std::string centroid_type = "q4_0";
    int64_t     n_embd        = 256;
    int64_t     n_vocab       = 64;
    int64_t     n_clusters    = 4;
    int64_t     n_pinned      = 0;
    int64_t     coarse_bits   = 0;  // of its codes, 0 for none
};

// Whether weights can have the type: floats, and types that decode into floats.
static bool is_weight_type(enum ggml_type type) {
    const struct ggml_type_traits * traits = ggml_get_type_traits(type);
    return type == GGML_TYPE_F32 || (traits->type_size > 0 && traits->to_float != nullptr);
}

// Whether a device supports the operation on one row of activations. Nothing is allocated.
static bool has_flash_head(ggml_backend_dev_t dev, enum ggml_type type, const head_shape & shape) {
    ggml_flash_head_shape of_op = {};
    of_op.weight_type   = type;
    of_op.centroid_type = flash_head_type_named(shape.centroid_type);
    of_op.n_embd        = shape.n_embd;
    of_op.n_vocab       = shape.n_vocab;
    of_op.n_cluster     = shape.n_clusters;
    of_op.n_pinned      = shape.n_pinned;
    of_op.coarse_bits   = (int32_t) shape.coarse_bits;
    of_op.n_directions  = (int32_t) GGML_PAD((shape.coarse_bits + FLASH_HEAD_MOST_BITS - 1)/FLASH_HEAD_MOST_BITS, 8);

    ggml_flash_head_params params = {};
    params.n_probe      = 1;
    params.mode         = GGML_FLASH_HEAD_TOP;
    params.temperature  = 1.0f;
    params.n_near       = 1;
    params.n_directions = of_op.n_directions;

    ggml_context_ptr ctx(ggml_init({ 16*ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
    return ggml_backend_dev_supports_op(dev, ggml_flash_head_new_probe(ctx.get(), &of_op, &params));
}

// Adds JSON lists of the weight types with and without the operation on a device.
static void add_weight_types(json_object * device, ggml_backend_dev_t dev) {
    std::string lists[2];
    for (int i = 0; i < GGML_TYPE_COUNT; i++) {
        const enum ggml_type type = (enum ggml_type) i;
        if (is_weight_type(type)) {
            std::string & list = lists[has_flash_head(dev, type, {})];
            list += std::string(list.empty() ? "" : ",") + "\"" + ggml_type_name(type) + "\"";
        }
    }
    device->add_raw("weights",       "[" + lists[true]  + "]");
    device->add_raw("dense_weights", "[" + lists[false] + "]");
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

// Reads the head to ask about; its type is empty if there is none.
static head_shape parse_head(int argc, char ** argv) {
    head_shape head;
    flash_head_parse_flags(argc, argv, {
        { "--type", &head.type },
        { "--centroid-type", &head.centroid_type },
        { "--columns", &head.n_embd, 1, 1 << 24 },
        { "--rows", &head.n_vocab, 1, INT32_MAX },
        { "--clusters", &head.n_clusters, 1, INT32_MAX - 1 },
        { "--pinned", &head.n_pinned, 0, INT32_MAX },
        { "--coarse-bits", &head.coarse_bits, 0, FLASH_HEAD_COARSE_MAX_BITS },
    });
    if (head.type.empty()) {
        if (argc > 0) {
            throw flash_head_usage_error("what is asked about needs --type");
        }
        return head;
    }
    for (const std::string & name : { head.type, head.centroid_type }) {
        const enum ggml_type type = flash_head_type_named(name);
        if (type == GGML_TYPE_COUNT || !is_weight_type(type) || head.n_embd % ggml_blck_size(type) != 0) {
            throw flash_head_usage_error(std::to_string(head.n_embd) + " columns cannot have type " + name);
        }
    }
    if (head.coarse_bits % 8 != 0) {
        throw flash_head_usage_error("--coarse-bits must be a multiple of 8");
    }
    return head;
}

// Registers the devices of the servers in LLAMA_ARG_RPC, like llama-server. ggml itself ends the process if a server
// does not answer.
static void add_rpc_servers() {
    const char * servers = getenv("LLAMA_ARG_RPC");
    if (servers == nullptr || *servers == '\0') {
        return;
    }
    ggml_backend_reg_t rpc = ggml_backend_reg_by_name("RPC");
    auto add_server = rpc == nullptr ? nullptr :
            (ggml_backend_reg_t (*)(const char *)) ggml_backend_reg_get_proc_address(rpc,
                    "ggml_backend_rpc_add_server");
    if (add_server == nullptr) {
        throw std::runtime_error("LLAMA_ARG_RPC is set, but this build has no RPC backend");
    }
    std::istringstream list(servers);
    for (std::string server; std::getline(list, server, ','); ) {
        ggml_backend_reg_t reg = add_server(server.c_str());
        if (reg == nullptr) {
            throw std::runtime_error("the RPC server " + server + " has no devices");
        }
        ggml_backend_register(reg);
    }
}

void flash_head_tool_devices(int argc, char ** argv) {
    const head_shape head = parse_head(argc, argv);
    ggml_backend_load_all();
    add_rpc_servers();

    std::string list;
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t dev = ggml_backend_dev_get(i);
        json_object device;
        device.add("name",        ggml_backend_dev_name(dev));
        device.add("description", ggml_backend_dev_description(dev));
        device.add("type",        type_name(ggml_backend_dev_type(dev)));
        device.add("flash_head",  has_flash_head(dev, GGML_TYPE_Q8_0, {}));
        add_weight_types(&device, dev);
        if (!head.type.empty()) {
            device.add("head", has_flash_head(dev, flash_head_type_named(head.type), head));
        }
        list += (i > 0 ? "," : "") + device.end();
    }
    json_object out;
    out.add_raw("devices", "[" + list + "]");
    json_print(out);
}
