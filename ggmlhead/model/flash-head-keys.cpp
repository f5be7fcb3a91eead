#include "flash-head-keys.h"

// the index of a key of that type, or -1
static int64_t find(const gguf_context * gguf, const char * key, gguf_type type, const char * type_name,
        std::string & error) {
    const int64_t id = gguf_find_key(gguf, key);
    if (id < 0) {
        error = std::string(key) + " is missing";
        return -1;
    }
    if (gguf_get_kv_type(gguf, id) != type) {
        error = std::string(key) + " is not a " + type_name;
        return -1;
    }
    return id;
}

bool flash_head_key_u32(const gguf_context * gguf, const char * key, uint32_t & out, std::string & error) {
    const int64_t id = find(gguf, key, GGUF_TYPE_UINT32, "u32", error);
    if (id >= 0) {
        out = gguf_get_val_u32(gguf, id);
    }
    return id >= 0;
}

bool flash_head_key_u64(const gguf_context * gguf, const char * key, uint64_t & out, std::string & error) {
    const int64_t id = find(gguf, key, GGUF_TYPE_UINT64, "u64", error);
    if (id >= 0) {
        out = gguf_get_val_u64(gguf, id);
    }
    return id >= 0;
}

bool flash_head_key_string(const gguf_context * gguf, const char * key, std::string & out, std::string & error) {
    const int64_t id = find(gguf, key, GGUF_TYPE_STRING, "string", error);
    if (id >= 0) {
        out = gguf_get_val_str(gguf, id);
    }
    return id >= 0;
}

std::string flash_head_printable(const std::string & text) {
    const size_t most = 32;
    std::string out;
    for (char c : text.substr(0, most)) {
        out += c > ' ' && c <= '~' ? c : '?';
    }
    return out + (text.size() > most ? "..." : "");
}
