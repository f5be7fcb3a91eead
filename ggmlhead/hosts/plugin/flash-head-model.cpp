#include "flash-head-model.h"

#include "flash-head-vocab.h"
#include "ggml-cpp.h"
#include "ggml-flash-head.h"
#include "ggml-impl.h"
#include "gguf.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// llama.cpp's names of a head's weight; a file without the first is tied and uses the second
static const char * const NAME_OUTPUT     = "output.weight";
static const char * const NAME_TOKEN_EMBD = "token_embd.weight";

// What is known of a file.
struct flash_head_candidate {
    bool        head = false; // a model with a head
    bool        keys = false; // with FlashHead keys, of its own or in a map file
    std::string dense;        // with keys: why they cannot be used
    std::string inactive;     // with sound keys: why they are not to be used
    std::shared_ptr<flash_head_model> model;
};

bool flash_head_model_may_have(const char * weight) {
    return strcmp(weight, NAME_OUTPUT) == 0 || strcmp(weight, NAME_TOKEN_EMBD) == 0;
}

static bool is_gguf(const std::string & path) {
    char magic[4] = {};
    FILE * file = fopen(path.c_str(), "rb");
    if (file == nullptr) {
        return false;
    }
    const bool ok = fread(magic, 1, sizeof(magic), file) == sizeof(magic)
            && memcmp(magic, GGUF_MAGIC, sizeof(magic)) == 0;
    fclose(file);
    return ok;
}

static bool same(const flash_head_file & a, const flash_head_file & b) {
    return std::equal(std::begin(a.id), std::end(a.id), std::begin(b.id));
}

// the first of paths that leads to file, or ""
static std::string path_among(const flash_head_file & file, const std::vector<std::string> & paths) {
    const auto it = std::find_if(paths.begin(), paths.end(), [&](const std::string & path) {
        flash_head_file other;
        return flash_head_file_find(path, other) && same(file, other);
    });
    return it == paths.end() ? "" : *it;
}

// the map file that belongs to a model's first file, if any
static flash_head_map_path find_map(const flash_head_file & file) {
    // the system's name of an open file has its links resolved
    std::string given = path_among(file, flash_head_files_named());
    if (given.empty()) {
        given = path_among(file, flash_head_drafts_named());
    }
    return flash_head_map_find(given.empty() ? file.name : given);
}

// whether the model has an MTP head
static bool has_predictors(const gguf_context * gguf) {
    const int64_t arch = gguf_find_key(gguf, "general.architecture");
    if (arch < 0 || gguf_get_kv_type(gguf, arch) != GGUF_TYPE_STRING) {
        return false;
    }
    const int64_t layers = gguf_find_key(gguf, (std::string(gguf_get_val_str(gguf, arch))
            + ".nextn_predict_layers").c_str());
    return layers >= 0 && gguf_get_kv_type(gguf, layers) == GGUF_TYPE_UINT32 && gguf_get_val_u32(gguf, layers) > 0;
}

// why a file is out of scope, or ""; one file in two roles cannot be told apart
static std::string out_of_scope(flash_head_scope scope, bool is_draft, bool is_target, bool predicts) {
    if (scope == FLASH_HEAD_SCOPE_ALL) {
        return "";
    }
    const std::string setting = std::string("FLASHHEAD_SCOPE=") + flash_head_scope_name(scope);
    if (is_draft && is_target) {
        return setting + " and this file is both target and draft, which only the patched build can tell apart";
    }
    if (flash_head_scope_has(scope, is_draft)) {
        return "";
    }
    return setting + (is_draft ? " and this is a draft model" : " and this is no draft model")
        + (predicts && !is_draft ? "; its MTP head can be accelerated alone only by the patched build" : "");
}

// llama.cpp's LLM_KV_SPLIT_NO and LLM_KV_SPLIT_COUNT
static const char * const KEY_INDEX = "split.no";
static const char * const KEY_COUNT = "split.count";

static uint32_t read_u16(const gguf_context * gguf, const char * key, uint32_t otherwise) {
    const int64_t id = gguf_find_key(gguf, key);
    return id >= 0 && gguf_get_kv_type(gguf, id) == GGUF_TYPE_UINT16 ? gguf_get_val_u16(gguf, id) : otherwise;
}

// Which part of a model a file is. llama-gguf-split makes NAME-00001-of-00003.gguf with the keys; each file has some of
// the tensors.
struct shard {
    uint32_t index; // from 0
    uint32_t count; // 1: a whole model
};

static shard read_shard(const gguf_context * gguf) {
    return { read_u16(gguf, KEY_INDEX, 0), read_u16(gguf, KEY_COUNT, 1) };
}

static std::string shard_suffix(uint32_t index, uint32_t count) {
    char text[64];
    snprintf(text, sizeof(text), "-%05u-of-%05u.gguf", index + 1, count);
    return text;
}

// The paths of all count parts, in order, of a model whose first is at path; empty if it is not named as one.
static std::vector<std::string> shard_paths(const std::string & path, uint32_t count) {
    std::vector<std::string> paths;
    const std::string first = shard_suffix(0, count);
    if (path.size() <= first.size() || path.compare(path.size() - first.size(), first.size(), first) != 0) {
        return paths;
    }
    const std::string prefix = path.substr(0, path.size() - first.size());
    for (uint32_t i = 0; i < count; i++) {
        paths.push_back(prefix + shard_suffix(i, count));
    }
    return paths;
}

// A GGUF file's keys and tensors, without their data.
struct gguf_file {
    gguf_context_ptr keys;
    ggml_context_ptr tensors;

    explicit gguf_file(const std::string & path) {
        ggml_context * meta = nullptr;
        if (is_gguf(path)) {
            keys.reset(gguf_init_from_file(path.c_str(), { /*.no_alloc =*/ true, /*.ctx =*/ &meta }));
            tensors.reset(meta);
        }
    }
};

// Where a tensor of a model lies. A model may have several files.
struct tensor_place {
    std::string path;   // of the file with the tensor
    uint32_t    shard = 0; // index of that file
    gguf_file   file;   // that file, if it is not the first
    const gguf_context * keys   = nullptr;
    const ggml_tensor  * tensor = nullptr;

    tensor_place() : file("") {}

    bool look(const std::string & at, const gguf_file & in, const char * name) {
        const ggml_tensor * found = in.keys ? ggml_get_tensor(in.tensors.get(), name) : nullptr;
        if (found == nullptr) {
            return false;
        }
        path   = at;
        keys   = in.keys.get();
        tensor = found;
        return true;
    }

    std::unique_ptr<flash_head_mapping> map() const {
        const uint64_t offset = gguf_get_data_offset(keys)
                + gguf_get_tensor_offset(keys, gguf_find_tensor(keys, tensor->name));
        return std::make_unique<flash_head_mapping>(path, offset, ggml_nbytes(tensor));
    }
};

// Finds the first of names that is in the first file of a model, or in the others. path opens the first file, name is
// its name.
static bool find_tensor(const flash_head_file & first, const gguf_file & gguf, const std::vector<const char *> & names,
        tensor_place & place) {
    const uint32_t count = read_shard(gguf.keys.get()).count;
    const std::vector<std::string> paths =
            count > 1 ? shard_paths(first.name, count) : std::vector<std::string>();
    for (const char * name : names) {
        if (place.look(first.path, gguf, name)) {
            return true;
        }
        for (size_t i = 1; i < paths.size(); i++) {
            place.file = gguf_file(paths[i]);
            if (place.file.keys && read_shard(place.file.keys.get()).index == i
                    && place.look(paths[i], place.file, name)) {
                place.shard = (uint32_t) i;
                return true;
            }
        }
    }
    return false;
}

// Reads the head's bias, if it has one. Returns false and sets error if it is of no use.
static bool read_bias(const flash_head_file & first, const gguf_file & gguf, flash_head_model & model,
        std::string & error) {
    tensor_place place;
    if (!find_tensor(first, gguf, { FLASH_HEAD_BIAS }, place)) {
        return true;
    }
    error = flash_head_bias_obstacle(gguf.keys.get(), model.map, model.settings.mode == GGML_FLASH_HEAD_SAMPLE,
            place.tensor->type, ggml_nelements(place.tensor));
    if (!error.empty()) {
        return false;
    }
    const auto mapping = place.map();
    if (mapping->data == nullptr) {
        error = "the file cannot be mapped";
        return false;
    }
    model.bias.resize(model.n_vocab);
    memcpy(model.bias.data(), mapping->data, model.bias.size()*sizeof(float));
    return true;
}

// Reads the map of a head from the keys of the model's own file, or else from its map file. Returns false and sets
// error if the head cannot have it.
static bool read_map(const gguf_file & gguf, const tensor_place & head, flash_head_model & model, std::string & error) {
    const flash_head_map_file & file = model.map_file;
    error = flash_head_file_obstacle(gguf.keys.get());
    if (!error.empty()) {
        return false;
    }
    if (file.path.empty()) {
        return flash_head_map_read(gguf.keys.get(), model.n_embd, model.n_vocab, model.map, error);
    }
    flash_head_file with_head;
    if (!file.keys) {
        error = file.error;
    } else if (!flash_head_file_find(head.path, with_head)) {
        error = "the file with the head cannot be found";
    } else {
        error = flash_head_map_file_obstacle(file, { model.weight, head.shard, with_head.id[2] });
    }
    if (!error.empty() || !flash_head_map_read(file.keys.get(), model.n_embd, model.n_vocab, model.map, error)) {
        error = flash_head_map_file_complaint(file.path, error);
        return false;
    }
    return true;
}

// Reads a model's head, map and settings. file is the model's first file, map_path its map file if it has one.
static flash_head_candidate read_candidate(const flash_head_file & file, const flash_head_map_path & map_path) {
    flash_head_candidate candidate;
    const gguf_file gguf(file.path);
    if (!gguf.keys || read_shard(gguf.keys.get()).index > 0) {
        return candidate;
    }
    tensor_place head;
    if (!find_tensor(file, gguf, { NAME_OUTPUT, NAME_TOKEN_EMBD }, head)) {
        return candidate;
    }
    candidate.head = true;
    const bool own_keys = flash_head_map_present(gguf.keys.get());
    candidate.keys = own_keys || !map_path.path.empty();

    auto model = std::make_shared<flash_head_model>();
    model->file    = file.name;
    model->weight  = head.tensor->name;
    model->type    = head.tensor->type;
    model->n_embd  = head.tensor->ne[0];
    model->n_vocab = flash_head_n_vocab(gguf.keys.get(), gguf.tensors.get(), head.tensor);
    candidate.model = model;
    if (!candidate.keys) {
        return candidate;
    }

    if (!flash_head_settings_read(model->settings, model->setting_error)) {
        return candidate;
    }
    const bool is_target = !path_among(file, flash_head_files_named()).empty();
    model->is_draft = !path_among(file, flash_head_drafts_named()).empty();
    model->predicts = has_predictors(gguf.keys.get());
    candidate.inactive = out_of_scope(model->settings.scope, model->is_draft, is_target, model->predicts);
    if (!candidate.inactive.empty()) {
        return candidate;
    }
    if (!ggml_is_matrix(head.tensor)) {
        candidate.dense = "the output head is not a plain matrix";
        return candidate;
    }
    if (!own_keys) {
        model->map_file = flash_head_map_file_open(map_path);
    }
    if (!read_map(gguf, head, *model, candidate.dense)) {
        return candidate;
    }
    model->map_file.keys.reset();
    if (model->settings.mode == GGML_FLASH_HEAD_SAMPLE) {
        flash_head_map_drop_codes(model->map); // clusters are drawn
    }
    if (!read_bias(file, gguf, *model, candidate.dense)) {
        return candidate;
    }
    if (!flash_head_settings_resolve(model->settings, model->map, model->type, model->n_embd, model->setting_error)) {
        return candidate;
    }
    model->rows = head.map();
    if (model->rows->data == nullptr) {
        candidate.dense = "the file cannot be mapped";
    }
    return candidate;
}

// the open files that may belong to the model that is being loaded
static std::vector<flash_head_file> candidate_files() {
    std::vector<flash_head_file> files;
    std::vector<std::string>     paths;
    const char * path = getenv("FLASHHEAD_MODEL");
    if (path != nullptr && *path) {
        paths.push_back(path);
    } else if (!flash_head_files_open(files)) {
        paths = flash_head_files_named();
    }
    for (const std::string & path : paths) {
        flash_head_file file;
        if (flash_head_file_find(path, file)) {
            files.push_back(file);
        }
    }
    return files;
}

// logs what is wrong with the file that FLASHHEAD_MODEL names, if any
static void complain_of_named_model() {
    const char * path = getenv("FLASHHEAD_MODEL");
    if (path != nullptr && *path && !is_gguf(path)) {
        GGML_LOG_ERROR("flash_head: FLASHHEAD_MODEL names %s, which is no GGUF file that can be read; running dense\n",
                path);
    }
}

// Each file, with its map file, is read once while it loads.
struct flash_head_cache {
    typedef std::vector<uint64_t> id; // flash_head_file::id of both

    std::mutex mutex;
    std::map<id, flash_head_candidate> candidates;

    // Appends the file's id to ids.
    const flash_head_candidate & get(const flash_head_file & file, std::vector<id> & ids) {
        const flash_head_map_path map_path = find_map(file);
        flash_head_file map;
        id key(std::begin(file.id), std::end(file.id));
        if (flash_head_file_find(map_path.path, map)) {
            key.insert(key.end(), std::begin(map.id), std::end(map.id));
        }
        auto it = candidates.find(key);
        if (it == candidates.end()) {
            it = candidates.emplace(key, read_candidate(file, map_path)).first;
        }
        ids.push_back(key);
        return it->second;
    }

    // drops files that are closed and whose weights are not in use
    void forget(const std::vector<id> & open) {
        for (auto it = candidates.begin(); it != candidates.end(); ) {
            const bool in_use = it->second.model && it->second.model.use_count() > 1;
            const bool is_open = std::find(open.begin(), open.end(), it->first) != open.end();
            it = in_use || is_open ? std::next(it) : candidates.erase(it);
        }
    }
};

static bool has_name(const flash_head_candidate & c, const ggml_tensor * weight) {
    return c.head && c.model->weight == weight->name;
}

static bool is_head(const flash_head_candidate & c, const ggml_tensor * weight) {
    return has_name(c, weight) && c.model->type == weight->type
        && c.model->n_embd == weight->ne[0] && c.model->n_vocab == weight->ne[1] && ggml_is_matrix(weight);
}

std::shared_ptr<const flash_head_model> flash_head_model_find(const ggml_tensor * weight) {
    static flash_head_cache cache;
    std::lock_guard<std::mutex> lock(cache.mutex);

    std::vector<flash_head_cache::id> open;
    std::vector<flash_head_file>      seen;
    const flash_head_candidate * found = nullptr;
    const flash_head_candidate * other = nullptr; // has a map and a weight of that name, but of another head
    bool ambiguous = false;
    for (const flash_head_file & file : candidate_files()) {
        if (std::any_of(seen.begin(), seen.end(), [&](const flash_head_file & other) { return same(file, other); })) {
            continue; // one file, open or named twice
        }
        seen.push_back(file);
        const flash_head_candidate & c = cache.get(file, open);
        if (is_head(c, weight)) {
            ambiguous = ambiguous || found != nullptr;
            found = &c;
        } else if (has_name(c, weight) && c.keys) {
            other = &c;
        }
    }
    // logged for each load: a host may load a model twice, the first time silently to see if it fits
    std::shared_ptr<const flash_head_model> model;
    if (ambiguous) {
        GGML_LOG_WARN("flash_head: several model files with such a head are open, which one is loading is not known; "
                "running dense\n");
    } else if (found != nullptr && !found->keys) {
        GGML_LOG_INFO("flash_head: inactive: the model's file has no flashhead keys, and there is no map beside it\n");
    } else if (found != nullptr && !found->dense.empty()) {
        GGML_LOG_WARN("flash_head: %s; running dense\n", found->dense.c_str());
    } else if (found != nullptr && !found->inactive.empty()) {
        GGML_LOG_INFO("flash_head: inactive: %s\n", found->inactive.c_str());
    } else if (found != nullptr) {
        model = found->model;
    } else if (other != nullptr) {
        const flash_head_model & m = *other->model;
        GGML_LOG_WARN("flash_head: the head in %s is %s [%lld x %lld], that of the runtime %s [%lld x %lld]; running "
                "dense\n", m.file.c_str(),
                ggml_type_name(m.type), (long long) m.n_vocab, (long long) m.n_embd,
                ggml_type_name(weight->type), (long long) weight->ne[1], (long long) weight->ne[0]);
    } else {
        complain_of_named_model();
    }
    cache.forget(open);
    return model;
}
