#include "llama-flash-head-device.h"

#include "llama-impl.h"

ggml_backend_dev_t llama_flash_head_device(ggml_backend_buffer_type_t buft) {
    ggml_backend_dev_t dev = ggml_backend_buft_is_host(buft) ? nullptr : ggml_backend_buft_get_device(buft);
    return dev ? dev : ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU); // the CPU's own buffers name no device
}

bool llama_flash_head_is_repacked(ggml_backend_buffer_type_t buft) {
    return !ggml_backend_buft_is_host(buft)
            && ggml_backend_dev_type(llama_flash_head_device(buft)) == GGML_BACKEND_DEVICE_TYPE_CPU;
}

// whether buffers of this type spread a tensor over devices (--split-mode tensor)
static bool is_split(ggml_backend_buffer_type_t buft) {
    return ggml_backend_dev_type(llama_flash_head_device(buft)) == GGML_BACKEND_DEVICE_TYPE_META;
}

std::string llama_flash_head_obstacle(const ggml_tensor * weight) {
    ggml_backend_buffer_type_t buft = ggml_backend_buffer_get_type(weight->buffer);
    if (llama_flash_head_is_repacked(buft)) {
        return format("the rows of the head are repacked (%s)", ggml_backend_buft_name(buft));
    }
    if (is_split(buft)) {
        return format("the head is split over devices (%s)", ggml_backend_buft_name(buft));
    }
    return "";
}

buft_list_t llama_flash_head_plain(const buft_list_t & list) {
    buft_list_t plain;
    for (const auto & entry : list) {
        if (!llama_flash_head_is_repacked(entry.second)) {
            plain.push_back(entry);
        }
    }
    return plain.empty() ? list : plain;
}
