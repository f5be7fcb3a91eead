#include "flash-head-shards.h"

#include <stdio.h>

// llama.cpp's LLM_KV_SPLIT_NO and LLM_KV_SPLIT_COUNT
static const char * const KEY_INDEX = "split.no";
static const char * const KEY_COUNT = "split.count";

static uint32_t read_u16(const gguf_context * gguf, const char * key, uint32_t otherwise) {
    const int64_t id = gguf_find_key(gguf, key);
    return id >= 0 && gguf_get_kv_type(gguf, id) == GGUF_TYPE_UINT16 ? gguf_get_val_u16(gguf, id) : otherwise;
}

flash_head_shard flash_head_shard_read(const gguf_context * gguf) {
    flash_head_shard shard;
    shard.count = read_u16(gguf, KEY_COUNT, 1);
    shard.index = read_u16(gguf, KEY_INDEX, 0);
    return shard;
}

static std::string suffix(uint32_t index, uint32_t count) {
    char text[64];
    snprintf(text, sizeof(text), "-%05u-of-%05u.gguf", index + 1, count);
    return text;
}

std::vector<std::string> flash_head_shard_paths(const std::string & path, uint32_t count) {
    std::vector<std::string> paths;
    const std::string first = suffix(0, count);
    if (path.size() <= first.size() || path.compare(path.size() - first.size(), first.size(), first) != 0) {
        return paths;
    }
    const std::string prefix = path.substr(0, path.size() - first.size());
    for (uint32_t i = 0; i < count; i++) {
        paths.push_back(prefix + suffix(i, count));
    }
    return paths;
}
