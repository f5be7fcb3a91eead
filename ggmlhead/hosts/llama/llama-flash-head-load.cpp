#include "llama-flash-head-state.h"

#include "flash-head-build.h"
#include "flash-head-centroids.h"
#include "flash-head-encode.h"
#include "flash-head-map.h"
#include "flash-head-max-rows.h"
#include "flash-head-pages.h"
#include "flash-head-settings.h"
#include "flash-head-stream.h"
#include "flash-head-threads.h"
#include "ggml-backend.h"
#include "llama-flash-head-device.h"
#include "llama-flash-head-keys.h"
#include "llama-impl.h"
#include "llama-model.h"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string.h>

// the reason to stay dense, for the caller to log
struct stay_dense : std::runtime_error {
    using std::runtime_error::runtime_error;
};

static flash_head_settings read_settings() {
    flash_head_settings settings;
    std::string error;
    if (!flash_head_settings_read(settings, error)) {
        throw std::runtime_error("flash_head: " + error);
    }
    return settings;
}

// what a model is loaded for
struct load_role {
    bool is_draft;  // as a draft model
    // draft graphs may use its head: it is a draft, has an MTP head, or lends its head to a draft
    bool drafts;
    bool mtp_apart; // its MTP head has its own output weight
};

static load_role role_of(const llama_model_loader & ml, const llama_hparams & hparams) {
    std::string role;
    const auto mark = ml.kv_overrides.find("flashhead.role"); // common-flash-head.h
    if (mark != ml.kv_overrides.end() && mark->second.tag == LLAMA_KV_OVERRIDE_TYPE_STR) {
        role = mark->second.val_str;
    }
    const bool is_draft  = role == "draft";
    const bool mtp       = ml.load_mtp && hparams.n_layer_nextn > 0;
    const bool mtp_apart = mtp && ml.get_weight(format("blk.%u.nextn.shared_head_head.weight",
            hparams.n_layer()).c_str()) != nullptr;
    return { is_draft, is_draft || role == "lender" || (mtp && !mtp_apart), mtp_apart };
}

// whether a model of that role is in scope
static bool in_scope(flash_head_scope scope, const load_role & role) {
    return (!role.is_draft && flash_head_scope_has(scope, /*draft =*/ false))
        || ( role.drafts   && flash_head_scope_has(scope, /*draft =*/ true));
}

// whether the model's head is its token embeddings
static bool is_tied(const llama_model_loader & ml) {
    return ml.get_weight(LLM_TN(ml.get_arch())(LLM_TENSOR_OUTPUT, "weight").str().c_str()) == nullptr;
}

buft_list_t llama_flash_head_buft_list(
        const llama_model_loader & ml, const llama_hparams & hparams, llm_tensor tensor, const buft_list_t & list) {
    if (tensor != LLM_TENSOR_OUTPUT || ml.flash_head_keys->gguf == nullptr || is_tied(ml)
            || !in_scope(read_settings().scope, role_of(ml, hparams))) {
        return list;
    }
    return llama_flash_head_plain(list);
}

// The head's rows as they are in the file. Where the head itself is repacked, those are the token embeddings, if they
// are the same.
static ggml_tensor * rows_of(const llama_model & model) {
    ggml_tensor * output = model.output, * embeddings = model.tok_embd;
    const bool is_apart = output && embeddings && output->buffer && embeddings->buffer
        && llama_flash_head_is_repacked(ggml_backend_buffer_get_type(output->buffer))
        && ggml_backend_buffer_is_host(embeddings->buffer) && strcmp(output->name, embeddings->name) == 0;
    return is_apart ? embeddings : output;
}

// the op's places: the cluster of each token, then its position
static std::vector<int32_t> places_of(const flash_head_map & map) {
    std::vector<int32_t> places = map.cluster;
    places.insert(places.end(), map.position.begin(), map.position.end());
    return places;
}

static void set_list(ggml_tensor * t, const std::vector<int32_t> & values) {
    ggml_backend_tensor_set(t, values.data(), 0, ggml_nbytes(t));
}

// whether the device would run the op on these tensors
static bool device_has_op(ggml_backend_dev_t dev, ggml_tensor * weight, const llama_flash_head & head) {
    ggml_context_ptr ctx(ggml_init({ 8*ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
    ggml_tensor * x = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, weight->ne[0], 1);
    if (!ggml_backend_dev_supports_op(dev, ggml_flash_head(ctx.get(), weight, x, &head.sources, &head.target.params))) {
        return false;
    }
    // ggml-virtgpu says yes to every op; no device computes with rows of integers
    ggml_tensor * integers = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_I32, weight->ne[0], weight->ne[1]);
    ggml_flash_head_sources sources = head.sources;
    sources.ordered = nullptr;
    return !ggml_backend_dev_supports_op(dev, ggml_flash_head(ctx.get(), integers, x, &sources, &head.target.params));
}

// tensors beside the weight, on its device, without data yet
static void create_tensors(llama_flash_head & head, const flash_head_map & map, ggml_type centroid_type, bool reorder) {
    ggml_tensor * weight = head.weight;

    ggml_flash_head_shape shape = {};
    shape.weight_type   = weight->type;
    shape.centroid_type = centroid_type;
    shape.n_embd        = weight->ne[0];
    shape.n_vocab       = weight->ne[1];
    shape.n_cluster     = map.n_cluster;
    shape.n_pinned      = (int64_t) map.pinned.size();
    shape.n_directions  = map.n_directions;
    shape.coarse_bits   = map.coarse_bits;
    shape.fine_bytes    = map.fine_bytes;
    shape.grouped       = head.grouped;
    shape.ordered       = reorder;

    head.ctx.reset(ggml_init({ GGML_MAX_SRC*ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
    head.sources = ggml_flash_head_new_sources(head.ctx.get(), &shape);
}

// A tensor's data if the host can write to it, otherwise own, for keep() to copy.
static void * writable(ggml_tensor * t, std::vector<uint8_t> & own) {
    if (ggml_backend_buffer_is_host(t->buffer)) {
        return t->data;
    }
    own.resize(ggml_nbytes(t));
    return own.data();
}

static void keep(ggml_tensor * t, const std::vector<uint8_t> & own) {
    if (!own.empty()) {
        ggml_backend_tensor_set(t, own.data(), 0, own.size());
    }
}

// Makes the codes of a head from the weight's rows.
static void build_codes(const llama_flash_head & head, const flash_head_map & map, const flash_head_weight_rows & rows,
        const void * centroids) {
    const ggml_flash_head_sources & sources = head.sources;
    std::vector<uint8_t> own_coarse, own_fine, own_basis;
    const flash_head_code_memory codes = { writable(sources.coarse, own_coarse), writable(sources.fine, own_fine),
            (float *) writable(sources.basis, own_basis) };
    if (head.host) { // only the fine code is read here and there
        flash_head_advise_huge_pages(codes.fine, ggml_nbytes(sources.fine));
    }
    flash_head_encode(map, rows, sources.centroids->type, centroids, codes, flash_head_build_threads());
    keep(sources.coarse, own_coarse);
    keep(sources.fine,   own_fine);
    keep(sources.basis,  own_basis);
}

// Makes centroids, and the tensors ordered or of the codes, if the head has some, from the weight's rows in host
// memory.
static void build_from_rows(const llama_flash_head & head, const flash_head_map & map, const void * data,
        void * centroids) {
    ggml_tensor * weight  = head.weight;
    ggml_tensor * ordered = head.sources.ordered;
    if (ordered) {
        flash_head_advise_huge_pages(ordered->data, ggml_nbytes(ordered));
    }
    const flash_head_weight_rows rows = { data, FLASH_HEAD_BY_TOKEN, weight->type, weight->ne[0] };
    flash_head_build(map, rows, head.sources.centroids->type, centroids, ordered ? ordered->data : nullptr,
            flash_head_build_threads());
    if (map.n_directions > 0) {
        build_codes(head, map, rows, centroids);
    }
    if (ordered) {
        // from here on the copy is read; a mapped file's rows need not stay in memory
        flash_head_pages_release(weight->data, ggml_nbytes(weight));
    }
}

// Makes the same from a weight that the host cannot address. For centroids alone it is fetched in pieces, because the
// whole may not fit beside the model. Codes take several passes over rows here and there, so for them it is fetched
// whole, for as long as that takes.
static void build_from_device(const llama_flash_head & head, const flash_head_map & map, void * centroids) {
    ggml_tensor * weight = head.weight;
    if (map.n_directions > 0) {
        std::vector<uint8_t> rows(ggml_nbytes(weight));
        ggml_backend_tensor_get(weight, rows.data(), 0, rows.size());
        build_from_rows(head, map, rows.data(), centroids);
        return;
    }
    flash_head_stream(map, [weight](int64_t first, int64_t n, void * out) {
        ggml_backend_tensor_get(weight, out, first*weight->nb[1], n*weight->nb[1]);
    }, weight->type, weight->ne[0], head.sources.centroids->type, centroids, flash_head_build_threads());
}

static void fill_tensors(llama_flash_head & head, const flash_head_map & map) {
    ggml_tensor * weight = head.weight;

    std::vector<uint8_t> own_centroids;
    void * centroids = writable(head.sources.centroids, own_centroids);
    if (head.grouped) { // first as rows of their type
        own_centroids.resize(ggml_nbytes(head.sources.centroids));
        centroids = own_centroids.data();
    }
    if (head.host) {
        build_from_rows(head, map, weight->data, centroids);
    } else {
        build_from_device(head, map, centroids);
    }
    if (head.grouped) {
        flash_head_build_groups(centroids, map.n_cluster, weight->ne[0], head.sources.centroids->data,
                flash_head_build_threads());
    } else {
        keep(head.sources.centroids, own_centroids);
    }

    set_list(head.sources.places,  places_of(map));
    set_list(head.sources.tokens,  map.tokens);
    set_list(head.sources.offsets, map.offsets);
    if (head.sources.pinned) {
        set_list(head.sources.pinned, map.pinned);
    }
}

// Fills the tensors, on another thread if the system has one. Exceptions come from head.filling.
static void begin_filling(llama_flash_head & head, const flash_head_map & map) {
    auto fill = [&head, map] { fill_tensors(head, map); };
    if (head.host) { // not in parallel with the host's copies to a device
        head.filling = flash_head_begin(fill);
        return;
    }
    head.filling = std::async(std::launch::deferred, fill);
    head.filling.wait();
}

// Compares the head's bytes with what its map file says of them, if they are to be compared.
static void begin_checking(llama_flash_head & head, const llama_model_loader & ml) {
    const flash_head_map_file & map = ml.flash_head_keys->map;
    if (!flash_head_map_file_checks_bytes(map)) {
        return;
    }
    const std::shared_ptr<flash_head_mapping> bytes = llama_flash_head_bytes(ml, head.weight);
    head.checking = flash_head_begin([bytes, expected = map.head_xxh64] {
        return flash_head_map_file_misfit(expected, bytes->data, bytes->size);
    });
}

// name: of the head in the statistics
static llama_flash_head_side new_side(const llama_flash_head & head, const flash_head_map & map, bool is_draft,
        const flash_head_settings & settings, const std::string & name) {
    llama_flash_head_side side;
    side.active = flash_head_scope_has(settings.scope, is_draft);
    side.params = { settings.n_probe, settings.mode, settings.temperature, settings.seed, head.grouped,
            flash_head_n_near(map, settings.n_probe), map.n_directions, settings.tolerance, /*.n_rows =*/ 0 };
    if (side.active && settings.stats) {
        side.statistics = std::make_unique<flash_head_statistics>(name.c_str(), head.weight->ne[1],
                [](const std::string & line) { LLAMA_LOG_INFO("flash_head: %s\n", line.c_str()); });
    }
    return side;
}

static std::shared_ptr<llama_flash_head> load(
        const llama_model_loader & ml, const llama_model & model, const load_role & role,
        flash_head_settings settings) {
    std::string error = flash_head_file_obstacle(ml.metadata);
    if (!error.empty()) {
        throw stay_dense(error);
    }
    ggml_tensor * weight = rows_of(model);
    if (weight == nullptr || weight->buffer == nullptr) {
        throw stay_dense("the model has no output head");
    }
    if (!ggml_is_matrix(weight) || !ggml_is_contiguous(weight)) {
        throw stay_dense("the output head is not a plain matrix");
    }
    const std::string obstacle = llama_flash_head_obstacle(weight);
    if (!obstacle.empty()) {
        throw stay_dense(obstacle);
    }

    const llama_flash_head_keys & keys = *ml.flash_head_keys;
    flash_head_map map;
    if (!keys.map.path.empty()) {
        error = llama_flash_head_map_obstacle(ml, weight);
    }
    if (!error.empty() || !flash_head_map_read(keys.gguf, weight->ne[0], weight->ne[1], map, error)) {
        throw stay_dense(keys.map.path.empty() ? error : flash_head_map_file_complaint(keys.map.path, error));
    }

    if (settings.mode == GGML_FLASH_HEAD_SAMPLE) {
        flash_head_map_drop_codes(map); // clusters are drawn
    }
    if (model.output_b != nullptr) {
        error = flash_head_bias_obstacle(ml.metadata, map, settings.mode == GGML_FLASH_HEAD_SAMPLE,
                model.output_b->type, ggml_nelements(model.output_b));
        if (!error.empty()) {
            throw stay_dense(error);
        }
    }

    ggml_backend_buffer_type_t weight_buft = ggml_backend_buffer_get_type(weight->buffer);
    ggml_backend_dev_t         dev         = llama_flash_head_device(weight_buft);
    const bool                 host        = ggml_backend_buffer_is_host(weight->buffer);
    if (settings.max_rows < 0 && ggml_backend_dev_type(dev) != GGML_BACKEND_DEVICE_TYPE_CPU) {
        settings.max_rows = FLASH_HEAD_DEVICE_MAX_ROWS;
    }
    if (!flash_head_settings_resolve(settings, map, weight->type, weight->ne[0], error)) {
        throw std::runtime_error("flash_head: " + error);
    }

    auto head = std::make_shared<llama_flash_head>();
    head->output   = model.output;
    head->weight   = weight;
    head->max_rows = settings.max_rows;
    head->exact    = settings.exact;
    head->is_draft = role.is_draft;
    head->host     = host;
    head->grouped  = host && settings.centroid_type == GGML_TYPE_Q4_0;
    head->target   = new_side(*head, map, /*is_draft =*/ false, settings, weight->name);
    head->draft    = new_side(*head, map, /*is_draft =*/ true,  settings, std::string(weight->name) + " for drafts");

    // with codes single tokens are selected: cluster order would not help
    settings.reorder = settings.reorder && host && map.n_directions == 0;
    create_tensors(*head, map, settings.centroid_type, settings.reorder);
    head->sources.bias = model.output_b;
    if (!device_has_op(dev, weight, *head)) {
        throw stay_dense(format("%s (%s) has no FlashHead for %s weights and %s centroids%s",
                ggml_backend_dev_name(dev), ggml_backend_buft_name(weight_buft), ggml_type_name(weight->type),
                ggml_type_name(settings.centroid_type), map.n_directions > 0 ? " with codes" : ""));
    }

    head->buffer.reset(ggml_backend_alloc_ctx_tensors_from_buft(head->ctx.get(), ggml_backend_dev_buffer_type(dev)));
    if (!head->buffer) {
        throw stay_dense("no memory for its tensors");
    }
    // usage weights: the scheduler keeps the op where these are
    ggml_backend_buffer_set_usage(head->buffer.get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
    head->summary = flash_head_summary(ggml_backend_dev_name(dev), weight->name, map, settings,
            settings.reorder ? "cluster-ordered copy" : "", ggml_backend_buffer_get_size(head->buffer.get()));
    head->map_path = keys.map.path;
    begin_checking(*head, ml);
    begin_filling(*head, map);
    return head;
}

static void say_dense(const std::string & reason) {
    LLAMA_LOG_WARN("flash_head: %s; running dense\n", reason.c_str());
}

static void say_no_memory() {
    say_dense("no memory for what a head needs beside its weight");
}

static std::shared_ptr<llama_flash_head> load_or_stay_dense(const llama_model_loader & ml, const llama_model & model) {
    const llama_flash_head_keys & keys = *ml.flash_head_keys;
    if (keys.off) {
        LLAMA_LOG_INFO("flash_head: inactive: FLASHHEAD_ENABLED=0\n");
        return nullptr;
    }
    if (keys.gguf == nullptr && keys.map.path.empty()) {
        LLAMA_LOG_INFO("flash_head: inactive: the model's file has no flashhead keys, and there is no map beside it\n");
        return nullptr;
    }
    const flash_head_settings settings = read_settings();
    const load_role role = role_of(ml, model.hparams);
    if (!in_scope(settings.scope, role)) {
        LLAMA_LOG_INFO("flash_head: inactive: FLASHHEAD_SCOPE=%s and this is %s%s\n",
                flash_head_scope_name(settings.scope),
                role.is_draft ? "a draft model" : "no draft model", role.mtp_apart
                ? "; its MTP head has an output weight of its own and stays dense" : "");
        return nullptr;
    }
    try {
        if (keys.gguf == nullptr) {
            throw stay_dense(flash_head_map_file_complaint(keys.map.path, keys.map.error));
        }
        return load(ml, model, role, settings);
    } catch (const stay_dense & e) {
        say_dense(e.what());
    } catch (const std::bad_alloc &) {
        say_no_memory();
    }
    return nullptr;
}

llama_flash_head_loading::llama_flash_head_loading(const llama_model_loader & ml, const llama_model & model)
        : ml(ml), model(model) {}

llama_flash_head_loading::~llama_flash_head_loading() {
    if (head && head->filling.valid()) {
        head->filling.wait(); // loading was given up, and the file is unmapped next
    }
}

void llama_flash_head_loading::loaded(ggml_context * ctx) {
    const ggml_tensor * rows = rows_of(model);
    for (ggml_tensor * t = ggml_get_first_tensor(ctx); t != nullptr; t = ggml_get_next_tensor(ctx, t)) {
        has_output |= t == model.output;
        has_rows   |= t == rows;
    }
    if (!begun && has_output && has_rows) {
        begun = true;
        head  = load_or_stay_dense(ml, model);
    }
}

std::shared_ptr<llama_flash_head> llama_flash_head_loading::finish() {
    if (!begun) {
        begun = true;
        head  = load_or_stay_dense(ml, model); // logs the reason
    }
    if (head && head->filling.valid()) {
        try {
            head->filling.get();
            const std::string misfit = head->checking.valid() ? head->checking.get() : "";
            if (!misfit.empty()) {
                say_dense(flash_head_map_file_complaint(head->map_path, misfit));
                head.reset();
                return nullptr;
            }
            if (!head->map_path.empty()) {
                LLAMA_LOG_INFO("flash_head: map %s\n", head->map_path.c_str());
            }
            LLAMA_LOG_INFO("flash_head: %s\n", head->summary.c_str());
        } catch (const std::bad_alloc &) {
            say_no_memory();
            head.reset();
        }
    }
    return head;
}
