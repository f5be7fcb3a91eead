#include "flash-head-weight.h"

#include "flash-head-build.h"
#include "flash-head-centroids.h"
#include "flash-head-encode.h"
#include "flash-head-pages.h"
#include "flash-head-threads.h"
#include "ggml-impl.h"

#include <algorithm>
#include <exception>
#include <string.h>

flash_head_weight::flash_head_weight(std::shared_ptr<const flash_head_model> m, void * data) : model(std::move(m)) {
    rows     = (uint8_t *) data;
    row_size = ggml_row_size(model->type, model->n_embd);

    grouped  = model->settings.centroid_type == GGML_TYPE_Q4_0;
    if (model->settings.stats) {
        const std::string name = model->weight + (model->is_draft ? " for drafts" : "");
        statistics = std::make_unique<flash_head_statistics>(name.c_str(), model->n_vocab,
                [](const std::string & line) { GGML_LOG_INFO("flash_head: %s\n", line.c_str()); });
    }
}

// calls piece(offset in rows, offset in the weight in token order, bytes) for every row in offset .. offset + size - 1
template <typename F> static void for_rows(const flash_head_weight & weight, size_t offset, size_t size,
        const F & piece) {
    while (size > 0) {
        const size_t token = offset/weight.row_size;
        const size_t skip  = offset%weight.row_size;
        const size_t n     = std::min(weight.row_size - skip, size);
        piece(weight.rows + weight.model->map.position[token]*weight.row_size + skip, offset, n);
        offset += n;
        size   -= n;
    }
}

void flash_head_weight_set(flash_head_weight & weight, const void * data, size_t offset, size_t size) {
    const uint8_t * file = weight.model->rows->data;
    const uint8_t * src  = (const uint8_t *) data - offset;

    weight.ready = false;
    std::atomic<bool> same = {true};
    const int n_threads = size < 16*1024*1024 ? 1 : flash_head_build_threads();
    flash_head_parallel_for((int64_t) size, n_threads, [&](int64_t begin, int64_t end) {
        bool all_same = true;
        for_rows(weight, offset + begin, end - begin, [&](uint8_t * row, size_t at, size_t n) {
            memcpy(row, src + at, n);
            all_same = all_same && memcmp(file + at, row, n) == 0; // cheap: mostly the same memory, in the cache
        });
        if (!all_same) {
            same = false;
        }
    });
    if (!same && !weight.differs.exchange(true)) {
        GGML_LOG_WARN("flash_head: the rows of %s are not those of %s; running dense\n", weight.model->weight.c_str(),
                weight.model->file.c_str());
    }
    // the rows are copied: the file's need not stay in memory
    flash_head_pages_release(data, size);
    flash_head_pages_release(file + offset, size);

    if (offset + size == weight.model->n_vocab*weight.row_size) {
        flash_head_weight_prepare(weight);
    }
}

void flash_head_weight_get(const flash_head_weight & weight, void * data, size_t offset, size_t size) {
    uint8_t * dst = (uint8_t *) data - offset;
    for_rows(weight, offset, size, [&](const uint8_t * row, size_t at, size_t n) { memcpy(dst + at, row, n); });
}

// makes centroids and codes of the rows; throws if there is no memory
static void derive(flash_head_weight & weight) {
    const flash_head_model & model = *weight.model;
    const flash_head_map   & map   = model.map;
    weight.centroids.resize((weight.grouped ? flash_head_centroids_padded(map.n_cluster) : map.n_cluster)
            *ggml_row_size(model.settings.centroid_type, model.n_embd));
    // centroids first as rows of their type, then in groups
    std::vector<uint8_t> rows;
    uint8_t * centroids = weight.centroids.data();
    if (weight.grouped) {
        rows.resize(weight.centroids.size());
        centroids = rows.data();
    }
    const flash_head_weight_rows of_weight = { weight.rows, FLASH_HEAD_BY_CLUSTER, model.type, model.n_embd };
    flash_head_build_centroids(map, of_weight, model.settings.centroid_type, centroids, flash_head_build_threads());
    if (map.n_directions > 0) {
        const flash_head_code_sizes sizes(map, model.n_embd);
        weight.coarse.resize(sizes.coarse);
        weight.fine  .resize(sizes.fine);
        weight.basis .resize(sizes.basis/sizeof(float));
        flash_head_encode(map, of_weight, model.settings.centroid_type, centroids,
                { weight.coarse.data(), weight.fine.data(), weight.basis.data() }, flash_head_build_threads());
    }
    if (weight.grouped) {
        flash_head_build_groups(centroids, map.n_cluster, model.n_embd, weight.centroids.data(),
                flash_head_build_threads());
    }
}

// Why the map file does not fit the model's rows, or "" also where there is nothing to check.
static std::string misfit(const flash_head_model & model) {
    return flash_head_map_file_checks_bytes(model.map_file)
            ? flash_head_map_file_misfit(model.map_file.head_xxh64, model.rows->data, model.rows->size) : "";
}

void flash_head_weight_prepare(flash_head_weight & weight) {
    if (weight.ready || weight.failed) {
        return;
    }
    std::lock_guard<std::mutex> lock(weight.mutex);
    if (weight.ready || weight.failed) {
        return; // another thread was first
    }
    const flash_head_model & model = *weight.model;
    try {
        auto checking = flash_head_begin([&model] { return misfit(model); });
        derive(weight);
        const std::string error = checking.get();
        if (!error.empty() && !weight.foreign.exchange(true)) {
            GGML_LOG_WARN("flash_head: %s; running dense\n",
                    flash_head_map_file_complaint(model.map_file.path, error).c_str());
        }
        weight.ready = true;
    } catch (const std::exception & e) {
        weight.failed = true;
        weight.centroids = {};
        weight.coarse    = {};
        weight.fine      = {};
        weight.basis     = {};
        GGML_LOG_WARN("flash_head: no memory for the centroids of %s (%s); running dense\n", model.weight.c_str(),
                e.what());
    }
}

void flash_head_weight_say_lora(flash_head_weight & weight) {
    if (!weight.lora_said.exchange(true)) {
        GGML_LOG_WARN("flash_head: a LoRA adapter changes the head; running dense\n");
    }
}

std::string flash_head_weight_summary(const flash_head_weight & weight) {
    const flash_head_model & model = *weight.model;
    const flash_head_map   & map   = model.map;
    const size_t numbers = map.cluster.size() + map.position.size() + map.tokens.size() + map.offsets.size()
            + map.pinned.size() + map.code_rows.size() + map.code_activations.size() + weight.basis.size();
    // not told apart here
    const bool with_mtp = model.predicts && !model.is_draft && model.settings.scope == FLASH_HEAD_SCOPE_TARGET;
    return flash_head_summary("CPU", model.weight.c_str(), map, model.settings,
            with_mtp ? "rows in cluster order, MTP head included" : "rows in cluster order", weight.centroids.size()
            + weight.coarse.size() + weight.fine.size() + 4*numbers);
}
