#include "flash-head-map-file.h"

#include "flash-head-keys.h"
#include "flash-head-xxh64.h"

#include <filesystem>

static const char * const KEY_TYPE       = "general.type";
static const char * const KEY_SHA256     = "flashhead.source_sha256";
static const char * const KEY_TENSOR     = "flashhead.tensor";
static const char * const KEY_SHARD      = "flashhead.map.shard";
static const char * const KEY_FILE_SIZE  = "flashhead.map.file_size";
static const char * const KEY_HEAD_XXH64 = "flashhead.map.head_xxh64";

static const char * const TYPE = "flashhead-map";

flash_head_map_file flash_head_map_file_open(const flash_head_map_path & found) {
    flash_head_map_file map;
    map.path = found.path;
    map.blob = found.blob;
    std::error_code error;
    // nothing else: a pipe would never end
    if (!std::filesystem::is_regular_file(std::filesystem::u8path(map.path), error)) {
        map.error = error ? error.message() : "it is not a regular file";
        return map;
    }
    gguf_context_ptr keys(gguf_init_from_file(map.path.c_str(), { /*.no_alloc =*/ true, /*.ctx =*/ nullptr }));
    if (!keys) {
        map.error = "it is not a GGUF file that can be read";
        return map;
    }
    std::string type;
    if (!flash_head_key_string(keys.get(), KEY_TYPE, type, map.error)) {
        return map;
    }
    if (type != TYPE) {
        map.error = std::string(KEY_TYPE) + " is " + flash_head_printable(type) + ", not " + TYPE;
        return map;
    }
    if (flash_head_map_file_checks_bytes(map)
            && !flash_head_key_u64(keys.get(), KEY_HEAD_XXH64, map.head_xxh64, map.error)) {
        return map;
    }
    map.keys = std::move(keys);
    return map;
}

std::string flash_head_map_file_obstacle(const flash_head_map_file & map, const flash_head_map_target & head) {
    const gguf_context * gguf = map.keys.get();
    std::string error, tensor, source;
    uint32_t    shard;
    uint64_t    file_size;
    if (!flash_head_key_string(gguf, KEY_TENSOR, tensor, error) || !flash_head_key_u32(gguf, KEY_SHARD, shard, error)
            || !flash_head_key_u64(gguf, KEY_FILE_SIZE, file_size, error)) {
        return error;
    }
    if (tensor != head.tensor) {
        return std::string(KEY_TENSOR) + " is " + flash_head_printable(tensor) + ", the head is " + head.tensor;
    }
    if (shard != head.shard) {
        return std::string(KEY_SHARD) + " is " + std::to_string(shard) + ", the head is in file "
             + std::to_string(head.shard);
    }
    if (file_size != head.file_size) {
        return std::string(KEY_FILE_SIZE) + " is " + std::to_string(file_size) + ", the model's file has "
             + std::to_string(head.file_size) + " bytes";
    }
    if (map.blob.empty()) {
        return "";
    }
    if (!flash_head_key_string(gguf, KEY_SHA256, source, error)) {
        return error;
    }
    return source == map.blob ? "" : std::string(KEY_SHA256) + " is not that of the model's file";
}

std::string flash_head_map_file_misfit(uint64_t head_xxh64, const void * data, size_t size) {
    if (data == nullptr) {
        return "the head's bytes cannot be read";
    }
    return flash_head_xxh64(data, size) == head_xxh64
            ? "" : std::string(KEY_HEAD_XXH64) + " is not that of the head's bytes";
}

std::string flash_head_map_file_complaint(const std::string & path, const std::string & reason) {
    return "map " + path + ": " + reason;
}
