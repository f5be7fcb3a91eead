#include "flash-head-map.h"

#include "flash-head-allowance.h"
#include "flash-head-codes.h"
#include "flash-head-keys.h"
#include "flash-head-settings.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

static const char * const KEY_VERSION       = "flashhead.version";
static const char * const KEY_CLUSTER_COUNT = "flashhead.cluster_count";
static const char * const KEY_ASSIGNMENTS   = "flashhead.assignments";
static const char * const KEY_PROBE_COUNT   = "flashhead.probe_count";
static const char * const KEY_PINNED_TOKENS = "flashhead.pinned_tokens";
static const char * const KEY_CENTROID_TYPE = "flashhead.centroid_type";

static const char * const KEY_COARSE_BITS = "flashhead.code.coarse_bits";
static const char * const KEY_FINE_BYTES  = "flashhead.code.fine_bytes";
static const char * const KEY_NEAR_TOKENS = "flashhead.code.near_tokens";
static const char * const KEY_TOLERANCE   = "flashhead.code.tolerance";
static const char * const KEY_VARIANCES   = "flashhead.code.variances";
static const char * const KEY_ROWS        = "flashhead.code.rows";
static const char * const KEY_ACTIVATIONS = "flashhead.code.activations";
static const char * const KEY_WEIGHTS     = "flashhead.code.weights";

static const uint32_t FORMAT_VERSION = 2;

void flash_head_map_sort(flash_head_map & map) {
    map.offsets.assign(map.n_cluster + 1, 0);
    for (int32_t c : map.cluster) {
        map.offsets[c + 1]++;
    }
    for (int64_t c = 0; c < map.n_cluster; c++) {
        map.offsets[c + 1] += map.offsets[c];
    }
    std::vector<int32_t> next(map.offsets.begin(), map.offsets.end() - 1);
    map.tokens  .resize(map.cluster.size());
    map.position.resize(map.cluster.size());
    for (size_t v = 0; v < map.cluster.size(); v++) {
        map.position[v] = next[map.cluster[v]]++;
        map.tokens[map.position[v]] = (int32_t) v;
    }
}

bool flash_head_map_present(const gguf_context * gguf) {
    return gguf_find_key(gguf, KEY_VERSION) >= 0 || gguf_find_key(gguf, KEY_ASSIGNMENTS) >= 0;
}

static std::string architecture_of(const gguf_context * gguf) {
    std::string arch, error;
    flash_head_key_string(gguf, "general.architecture", arch, error);
    return arch;
}

std::string flash_head_bias_obstacle(const gguf_context * gguf, const flash_head_map & map, bool drawn, ggml_type type,
        int64_t n) {
    const std::string arch = architecture_of(gguf);
    if (arch == "dream" || arch == "qwen2vl") {
        return "llama.cpp does not add the head's bias (" FLASH_HEAD_BIAS ") of a " + arch + " model";
    }
    if (type != GGML_TYPE_F32 || n != (int64_t) map.cluster.size()) {
        return "the head's bias (" FLASH_HEAD_BIAS ") is not one F32 number for each token";
    }
    if (drawn) {
        return "FLASHHEAD_MODE=sample draws clusters, which leaves out the head's bias (" FLASH_HEAD_BIAS ")";
    }
    if (map.n_directions == 0) {
        return "the head has a bias (" FLASH_HEAD_BIAS "), by which a plain head, without codes, cannot choose";
    }
    return "";
}

std::string flash_head_file_obstacle(const gguf_context * gguf) {
    if (architecture_of(gguf) == "bitnet") {
        return "a bitnet model has no output head, it multiplies with its token embedding itself";
    }
    return "";
}

// the array under key, whose values must be below limit; a missing one is empty
static bool read_array(const gguf_context * gguf, const char * key, int64_t limit, std::vector<int32_t> & out,
        std::string & error) {
    out.clear();
    const int64_t id = gguf_find_key(gguf, key);
    if (id < 0) {
        return true;
    }
    const bool is_array = gguf_get_kv_type(gguf, id) == GGUF_TYPE_ARRAY;
    if (!is_array || (gguf_get_arr_type(gguf, id) != GGUF_TYPE_UINT32
            && gguf_get_arr_type(gguf, id) != GGUF_TYPE_INT32)) {
        error = std::string(key) + " is not an array of u32";
        return false;
    }
    const size_t n = gguf_get_arr_n(gguf, id);
    if (n == 0) {
        return true;
    }
    // a negative i32 reads as a large u32
    const uint32_t * data = (const uint32_t *) gguf_get_arr_data(gguf, id);
    for (size_t i = 0; i < n; i++) {
        if (data[i] >= (uint64_t) limit) {
            error = std::string(key) + "[" + std::to_string(i) + "] is " + std::to_string(data[i]) + ", not below "
                    + std::to_string(limit);
            return false;
        }
    }
    out.assign(data, data + n);
    return true;
}

// the length of the array of f32 under key
static bool read_length(const gguf_context * gguf, const char * key, size_t & n, std::string & error) {
    const int64_t id = gguf_find_key(gguf, key);
    if (id < 0 || gguf_get_kv_type(gguf, id) != GGUF_TYPE_ARRAY || gguf_get_arr_type(gguf, id) != GGUF_TYPE_FLOAT32) {
        error = std::string(key) + " is missing or not an array of f32";
        return false;
    }
    n = gguf_get_arr_n(gguf, id);
    return true;
}

// the n finite floats under key, none of them below least
static bool read_floats(const gguf_context * gguf, const char * key, size_t n, float least, std::vector<float> & out,
        std::string & error) {
    size_t length;
    if (!read_length(gguf, key, length, error)) {
        return false;
    }
    if (length != n) {
        error = std::string(key) + " has " + std::to_string(length) + " entries, not " + std::to_string(n);
        return false;
    }
    const float * data = (const float *) gguf_get_arr_data(gguf, gguf_find_key(gguf, key));
    for (size_t i = 0; i < n; i++) {
        if (!std::isfinite(data[i]) || data[i] < least) {
            error = std::string(key) + "[" + std::to_string(i) + "] is not a finite number"
                  + (data[i] < least ? " of at least 0" : "");
            return false;
        }
    }
    out.assign(data, data + n);
    return true;
}

// the f32 under key, which may be missing: finite, at least 0
static bool read_positive(const gguf_context * gguf, const char * key, float & out, std::string & error) {
    const int64_t id = gguf_find_key(gguf, key);
    if (id < 0) {
        return true;
    }
    out = gguf_get_kv_type(gguf, id) == GGUF_TYPE_FLOAT32 ? gguf_get_val_f32(gguf, id) : NAN;
    if (!std::isfinite(out) || out < 0.0f) {
        error = std::string(key) + " is not a finite f32 of at least 0";
        return false;
    }
    return true;
}

// the u32 under key: least .. most, a multiple of step
static bool read_limited(const gguf_context * gguf, const char * key, int64_t least, int64_t most, int64_t step,
        int32_t & out, std::string & error) {
    uint32_t value;
    if (!flash_head_key_u32(gguf, key, value, error)) {
        return false;
    }
    if (value < least || value > most || value % step != 0) {
        error = std::string(key) + " is " + std::to_string(value) + ", not a "
              + (step > 1 ? "multiple of " + std::to_string(step) : "number") + " in " + std::to_string(least) + ".."
              + std::to_string(most);
        return false;
    }
    out = (int32_t) value;
    return true;
}

void flash_head_map_drop_codes(flash_head_map & map) {
    map.n_directions = map.coarse_bits = map.fine_bytes = map.n_near = 0;
    map.tolerance        = 0.0f;
    map.code_rows        = {};
    map.code_activations = {};
    map.code_variances   = {};
    map.code_weights     = {};
}

int32_t flash_head_n_near(const flash_head_map & map, int32_t n_probe) {
    if (map.n_directions == 0) {
        return 0;
    }
    const int64_t n_vocab = (int64_t) map.cluster.size();
    const int64_t n_exact = flash_head_least_exact(n_probe, n_vocab, map.n_cluster);
    return (int32_t) std::min(n_vocab, flash_head_least_near(map.n_near, n_exact));
}

// the codes, if the file has keys of some
static bool read_codes(const gguf_context * gguf, int64_t n_embd, int64_t n_vocab, flash_head_map & map,
        std::string & error) {
    flash_head_map_drop_codes(map);
    const char * const keys[] = { KEY_COARSE_BITS, KEY_FINE_BYTES, KEY_NEAR_TOKENS, KEY_VARIANCES, KEY_ROWS,
            KEY_ACTIVATIONS, KEY_WEIGHTS };
    if (std::none_of(std::begin(keys), std::end(keys), [&](const char * key) {
            return gguf_find_key(gguf, key) >= 0; })) {
        return true;
    }
    size_t n;
    if (!read_limited(gguf, KEY_COARSE_BITS, 8, FLASH_HEAD_COARSE_MAX_BITS, 8, map.coarse_bits, error)
            || !read_limited(gguf, KEY_FINE_BYTES, 0, FLASH_HEAD_FINE_MAX_BYTES, FLASH_HEAD_FINE_LINE, map.fine_bytes,
                    error)
            || !read_limited(gguf, KEY_NEAR_TOKENS, 1, n_vocab, 1, map.n_near, error)
            || !read_positive(gguf, KEY_TOLERANCE, map.tolerance, error)
            || !read_length(gguf, KEY_VARIANCES, n, error)) {
        return false;
    }
    if (n < 1 || n > FLASH_HEAD_MAX_DIRECTIONS || FLASH_HEAD_MOST_BITS*(int64_t) n < map.coarse_bits) {
        error = std::string(KEY_VARIANCES) + " has " + std::to_string(n) + " entries, not up to "
              + std::to_string(FLASH_HEAD_MAX_DIRECTIONS) + " that can take " + std::to_string(map.coarse_bits)
              + " bits";
        return false;
    }
    const float any = -INFINITY;
    if (!read_floats(gguf, KEY_VARIANCES, n, 0.0f, map.code_variances, error)
            || !read_floats(gguf, KEY_ROWS,        n*n_embd, any, map.code_rows,        error)
            || !read_floats(gguf, KEY_ACTIVATIONS, n*n_embd, any, map.code_activations, error)
            || !read_floats(gguf, KEY_WEIGHTS,     n_embd,  0.0f, map.code_weights,     error)) {
        return false;
    }
    map.n_directions = ((int32_t) n + 7)/8*8; // the others are zero
    map.code_variances  .resize(map.n_directions);
    map.code_rows       .resize(map.n_directions*n_embd);
    map.code_activations.resize(map.n_directions*n_embd);
    return true;
}

bool flash_head_map_read(const gguf_context * gguf, int64_t n_embd, int64_t n_vocab, flash_head_map & map,
        std::string & error) {
    uint32_t version, n_cluster, n_probe;

    error = flash_head_file_obstacle(gguf);
    if (!error.empty()) {
        return false;
    }
    if (!flash_head_key_u32(gguf, KEY_VERSION, version, error)) {
        return false;
    }
    if (version != FORMAT_VERSION) {
        error = std::string(KEY_VERSION) + " is " + std::to_string(version) + ", this runtime reads "
                + std::to_string(FORMAT_VERSION);
        return false;
    }
    if (!flash_head_key_u32(gguf, KEY_CLUSTER_COUNT, n_cluster, error)
            || !flash_head_key_u32(gguf, KEY_PROBE_COUNT, n_probe, error)) {
        return false;
    }
    if (n_embd < 1 || n_embd > INT32_MAX) {
        error = "the output head has rows of " + std::to_string(n_embd) + " columns";
        return false;
    }
    if (n_vocab > INT32_MAX || n_cluster < 2 || n_cluster > n_vocab) {
        error = std::string(KEY_CLUSTER_COUNT) + " is " + std::to_string(n_cluster) + " for " + std::to_string(n_vocab)
                + " tokens";
        return false;
    }
    if (n_probe < 1 || n_probe > n_cluster) {
        error = std::string(KEY_PROBE_COUNT) + " is " + std::to_string(n_probe) + " of " + std::to_string(n_cluster)
                + " clusters";
        return false;
    }
    map.n_cluster = n_cluster;
    map.n_probe   = (int32_t) n_probe;

    std::string type_name;
    if (!flash_head_key_string(gguf, KEY_CENTROID_TYPE, type_name, error)) {
        return false;
    }
    map.centroid_type = flash_head_centroid_type(type_name.c_str());
    if (map.centroid_type == GGML_TYPE_COUNT || n_embd % ggml_blck_size(map.centroid_type) != 0) {
        error = std::string(KEY_CENTROID_TYPE) + " " + flash_head_printable(type_name) + " does not fit centroids of "
                + std::to_string(n_embd) + " columns";
        return false;
    }

    if (!read_array(gguf, KEY_ASSIGNMENTS, n_cluster, map.cluster, error)
            || !read_array(gguf, KEY_PINNED_TOKENS, n_vocab, map.pinned, error)) {
        return false;
    }
    if ((int64_t) map.cluster.size() != n_vocab) {
        error = std::string(KEY_ASSIGNMENTS) + " has " + std::to_string(map.cluster.size()) + " entries for "
                + std::to_string(n_vocab) + " tokens";
        return false;
    }

    // two threads would write the logit of a token that is listed twice
    std::sort(map.pinned.begin(), map.pinned.end());
    map.pinned.erase(std::unique(map.pinned.begin(), map.pinned.end()), map.pinned.end());

    flash_head_map_sort(map);
    for (uint32_t c = 0; c < n_cluster; c++) {
        if (map.offsets[c + 1] == map.offsets[c]) {
            error = std::string(KEY_ASSIGNMENTS) + " leaves cluster " + std::to_string(c) + " empty";
            return false;
        }
    }
    return read_codes(gguf, n_embd, n_vocab, map, error);
}
