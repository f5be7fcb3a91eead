#include "llama-flash-head-keys.h"

#include "flash-head-map.h"
#include "flash-head-settings.h"

std::shared_ptr<const llama_flash_head_keys> llama_flash_head_keys_find(
        const gguf_context * metadata, const std::string & path, const std::vector<std::string> & splits) {
    auto keys = std::make_shared<llama_flash_head_keys>();
    flash_head_settings settings;
    std::string ignored; // an error when the head is loaded, if it has keys
    keys->off = flash_head_settings_read(settings, ignored) && !settings.enabled;
    if (keys->off) {
        return keys;
    }
    if (flash_head_map_present(metadata)) {
        keys->gguf = metadata;
        return keys;
    }
    if (path.empty()) {
        return keys;
    }
    const flash_head_map_path found = flash_head_map_find(path);
    if (!found.path.empty()) {
        keys->map   = flash_head_map_file_open(found);
        keys->gguf  = keys->map.keys.get();
        keys->paths = splits.empty() ? std::vector<std::string>{ path } : splits;
    }
    return keys;
}

std::string llama_flash_head_map_obstacle(const llama_model_loader & ml, const ggml_tensor * weight) {
    const uint16_t shard = ml.require_weight(weight->name).idx;
    return flash_head_map_file_obstacle(ml.flash_head_keys->map, { weight->name, shard, ml.files.at(shard)->size() });
}

std::unique_ptr<flash_head_mapping> llama_flash_head_bytes(const llama_model_loader & ml, const ggml_tensor * weight) {
    const auto  & place = ml.require_weight(weight->name);
    const int64_t id    = place.idx == 0 ? gguf_find_tensor(ml.metadata, weight->name) : -1;
    const size_t  size  = id >= 0 ? gguf_get_tensor_size(ml.metadata, id) : ggml_nbytes(place.tensor);
    return std::make_unique<flash_head_mapping>(ml.flash_head_keys->paths.at(place.idx), place.offs, size);
}
