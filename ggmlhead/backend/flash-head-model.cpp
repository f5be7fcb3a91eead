#include "flash-head-model.h"

#include "flash-head-vocab.h"
#include "ggml-cpp.h"
#include "ggml-impl.h"
#include "gguf.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// llama.cpp's names of an output head's weight; a file without the first is tied and uses the second for both ends
static const char * const NAME_OUTPUT     = "output.weight";
static const char * const NAME_TOKEN_EMBD = "token_embd.weight";

// What a file was found to be.
struct flash_head_candidate {
    bool        head = false; // a model with such a head
    bool        keys = false; // FlashHead's are in it
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
    const bool ok = fread(magic, 1, sizeof(magic), file) == sizeof(magic) && memcmp(magic, GGUF_MAGIC, sizeof(magic)) == 0;
    fclose(file);
    return ok;
}

// whether file is one of those at paths
static bool is_among(const flash_head_file & file, const std::vector<std::string> & paths) {
    return std::any_of(paths.begin(), paths.end(), [&](const std::string & path) {
        flash_head_file other;
        return flash_head_file_find(path, other) && std::equal(std::begin(file.id), std::end(file.id), std::begin(other.id));
    });
}

// whether the model predicts later tokens, too
static bool has_predictors(const gguf_context * gguf) {
    const int64_t arch = gguf_find_key(gguf, "general.architecture");
    if (arch < 0 || gguf_get_kv_type(gguf, arch) != GGUF_TYPE_STRING) {
        return false;
    }
    const int64_t layers = gguf_find_key(gguf, (std::string(gguf_get_val_str(gguf, arch)) + ".nextn_predict_layers").c_str());
    return layers >= 0 && gguf_get_kv_type(gguf, layers) == GGUF_TYPE_UINT32 && gguf_get_val_u32(gguf, layers) > 0;
}

// why a file is not for this scope, or "". What is told by file cannot tell the uses of one file apart.
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

// reads a file's head, its map and the settings for it
static flash_head_candidate read_candidate(const flash_head_file & file) {
    flash_head_candidate candidate;
    if (!is_gguf(file.path)) {
        return candidate;
    }
    ggml_context * meta = nullptr;
    gguf_context_ptr gguf(gguf_init_from_file(file.path.c_str(), { /*.no_alloc =*/ true, /*.ctx =*/ &meta }));
    ggml_context_ptr meta_owner(meta);
    if (!gguf) {
        return candidate;
    }
    const char * name = gguf_find_tensor(gguf.get(), NAME_OUTPUT) >= 0 ? NAME_OUTPUT : NAME_TOKEN_EMBD;
    const ggml_tensor * weight = ggml_get_tensor(meta, name);
    if (weight == nullptr) {
        return candidate;
    }
    candidate.head = true;
    candidate.keys = flash_head_map_present(gguf.get());

    auto model = std::make_shared<flash_head_model>();
    model->file    = file.name;
    model->weight  = name;
    model->type    = weight->type;
    model->n_embd  = weight->ne[0];
    model->n_vocab = flash_head_n_vocab(gguf.get(), meta, weight);
    candidate.model = model;
    if (!candidate.keys) {
        return candidate;
    }

    if (!flash_head_settings_read(model->settings, model->setting_error)) {
        return candidate;
    }
    const bool is_target = is_among(file, flash_head_files_named());
    model->is_draft = is_among(file, flash_head_drafts_named());
    model->predicts = has_predictors(gguf.get());
    candidate.inactive = out_of_scope(model->settings.scope, model->is_draft, is_target, model->predicts);
    if (!candidate.inactive.empty()) {
        return candidate;
    }
    if (!ggml_is_matrix(weight)) {
        candidate.dense = "the output head is not a plain matrix";
        return candidate;
    }
    if (!flash_head_map_read(gguf.get(), model->n_embd, model->n_vocab, model->map, candidate.dense) ||
        !flash_head_settings_resolve(model->settings, model->map, model->type, model->n_embd, model->setting_error)) {
        return candidate;
    }
    const uint64_t offset = gguf_get_data_offset(gguf.get()) + gguf_get_tensor_offset(gguf.get(), gguf_find_tensor(gguf.get(), name));
    model->rows = std::make_unique<flash_head_mapping>(file.path, offset, model->n_vocab*weight->nb[1]);
    if (model->rows->data == nullptr) {
        candidate.dense = "the file cannot be mapped";
    }
    return candidate;
}

// the files that may be the loading model's, of which the system may give several
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

// A file is read once while it loads, however often its head is asked for.
struct flash_head_cache {
    typedef std::vector<uint64_t> id; // flash_head_file::id

    std::mutex mutex;
    std::map<id, flash_head_candidate> candidates;

    const flash_head_candidate & get(const flash_head_file & file, const id & key) {
        auto it = candidates.find(key);
        if (it == candidates.end()) {
            it = candidates.emplace(key, read_candidate(file)).first;
        }
        return it->second;
    }

    // forgets files that are no longer open and of which no weight is in use
    void forget(const std::vector<id> & open) {
        for (auto it = candidates.begin(); it != candidates.end(); ) {
            const bool in_use = it->second.model && it->second.model.use_count() > 1;
            const bool is_open = std::find(open.begin(), open.end(), it->first) != open.end();
            it = in_use || is_open ? std::next(it) : candidates.erase(it);
        }
    }
};

static bool is_head(const flash_head_candidate & c, const ggml_tensor * weight) {
    return c.head && c.model->weight == weight->name && c.model->type == weight->type
        && c.model->n_embd == weight->ne[0] && c.model->n_vocab == weight->ne[1] && ggml_is_matrix(weight);
}

std::shared_ptr<const flash_head_model> flash_head_model_find(const ggml_tensor * weight) {
    static flash_head_cache cache;
    std::lock_guard<std::mutex> lock(cache.mutex);

    std::vector<flash_head_cache::id> seen;
    const flash_head_candidate * found = nullptr;
    bool ambiguous = false;
    for (const flash_head_file & file : candidate_files()) {
        const flash_head_cache::id key(std::begin(file.id), std::end(file.id));
        if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
            continue; // one file, open or named twice
        }
        seen.push_back(key);
        const flash_head_candidate & c = cache.get(file, key);
        if (is_head(c, weight)) {
            ambiguous = ambiguous || found != nullptr;
            found = &c;
        }
    }
    // said each time, which is once a load: a host may load a model twice, the first time to see if it fits, and in silence
    std::shared_ptr<const flash_head_model> model;
    if (ambiguous) {
        GGML_LOG_WARN("flash_head: several model files with such a head are open, which one is loading is not known; running dense\n");
    } else if (found != nullptr && !found->keys) {
        GGML_LOG_INFO("flash_head: inactive: the model's file has no flashhead keys\n");
    } else if (found != nullptr && !found->dense.empty()) {
        GGML_LOG_WARN("flash_head: %s; running dense\n", found->dense.c_str());
    } else if (found != nullptr && !found->inactive.empty()) {
        GGML_LOG_INFO("flash_head: inactive: %s\n", found->inactive.c_str());
    } else if (found != nullptr) {
        model = found->model;
    }
    cache.forget(seen);
    return model;
}
