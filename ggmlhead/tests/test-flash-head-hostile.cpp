// Reads tens of thousands of damaged model files and map files with all of our readers: the map's, the plug-in's search
// for its model and what it builds from one, and the clustering tool's. It is built with the compiler's sanitizers
// (sanitized/CMakeLists.txt), which abort on an access out of bounds.
//
//   test-flash-head-hostile FOLDER [ROUNDS [SEED]]

#include "check.h"
#include "mutations.h"

#include "flash-head-build.h"
#include "flash-head-encode.h"
#include "flash-head-map-file.h"
#include "flash-head-model.h"
#include "flash-head-xxh64.h"
#include "ggml-cpp.h"
#include "gguf.h"
#include "pool.h"
#include "rows.h"

#include <fcntl.h>
#include <stdexcept>
#include <stdlib.h>
#include <unistd.h>
#include <vector>

static checker check;

static const int64_t N_EMBD  = 32;
static const int64_t N_VOCAB = 20;

// Results of all files.
static int n_read, n_sound, n_loaded, n_beside, n_clustered;

// Our log lines must stay single printable lines, whatever a file contains.
static void check_log(ggml_log_level, const char * text, void *) {
    const std::string line = text;
    if (line.compare(0, 11, "flash_head:") == 0) {
        const bool plain = std::all_of(line.begin(), line.end() - 1, [](char c) { return c >= ' ' && c <= '~'; });
        check(plain && line.back() == '\n' && line.size() < 300, "the log has '%s'", text);
    }
}

static std::string read_file(const std::string & path) {
    std::string bytes;
    FILE * file = fopen(path.c_str(), "rb");
    for (int c; file != nullptr && (c = fgetc(file)) != EOF; ) {
        bytes += (char) c;
    }
    if (file != nullptr) {
        fclose(file);
    }
    return bytes;
}

static void write_file(const std::string & path, const std::string & bytes) {
    FILE * file = fopen(path.c_str(), "wb");
    if (file == nullptr || fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() || fclose(file) != 0) {
        perror(path.c_str());
        exit(1);
    }
}

// The keys of a head of N_VOCAB rows in 5 clusters and, if bits > 0, codes.
static void set_keys(gguf_context * g, uint32_t bits) {
    std::vector<uint32_t> assignments(N_VOCAB);
    for (size_t v = 0; v < assignments.size(); v++) { assignments[v] = v*7 % 5; }
    const uint32_t pinned[] = { 3, 0, 19 };
    gguf_set_val_u32 (g, "flashhead.version", 2);
    gguf_set_val_u32 (g, "flashhead.cluster_count", 5);
    gguf_set_val_u32 (g, "flashhead.probe_count", 2);
    gguf_set_val_str (g, "flashhead.centroid_type", "q4_0");
    gguf_set_arr_data(g, "flashhead.assignments", GGUF_TYPE_UINT32, assignments.data(), assignments.size());
    gguf_set_arr_data(g, "flashhead.pinned_tokens", GGUF_TYPE_UINT32, pinned, 3);
    if (bits > 0) {
        const size_t n = 10;
        const std::vector<float> directions(n*N_EMBD, 0.25f), variances(n, 0.5f), weights(N_EMBD, 1.0f);
        gguf_set_val_u32 (g, "flashhead.code.coarse_bits", bits);
        gguf_set_val_u32 (g, "flashhead.code.fine_bytes",  32);
        gguf_set_val_u32 (g, "flashhead.code.near_tokens", 7);
        auto set = [&](const char * key, const std::vector<float> & values) {
            gguf_set_arr_data(g, key, GGUF_TYPE_FLOAT32, values.data(), values.size());
        };
        set("flashhead.code.variances",   variances);
        set("flashhead.code.rows",        directions);
        set("flashhead.code.activations", directions);
        set("flashhead.code.weights",     weights);
    }
}

// A model's file and, if not empty, its map file.
struct model_bytes {
    std::string model, map;
};

// Where both are.
struct model_paths {
    std::string model, map;

    void write(const model_bytes & bytes) const {
        // new files with new inodes, not new states of the last ones
        unlink(model.c_str());
        unlink(map.c_str());
        write_file(model, bytes.model);
        if (!bytes.map.empty()) {
            write_file(map, bytes.map);
        }
    }
};

// Where the keys of a valid model are.
enum keys_place { NOWHERE, OWN_FILE, MAP_FILE };

// Makes a valid model with such a head. Its codes have so many bits; 0: it has none.
static model_bytes sound_model(const model_paths & paths, ggml_type type, const char * head, uint32_t bits,
        keys_place place) {
    gguf_context_ptr g(gguf_init_empty());
    gguf_set_val_str(g.get(), "general.architecture", "llama");
    gguf_set_val_u32(g.get(), "llama.nextn_predict_layers", 0);
    if (place == OWN_FILE) {
        set_keys(g.get(), bits);
    }
    ggml_context_ptr ctx(ggml_init({ 1 << 20, nullptr, false }));
    ggml_tensor * weight = ggml_new_tensor_2d(ctx.get(), type, N_EMBD, N_VOCAB);
    ggml_set_name(weight, head);
    std::vector<float> values(N_EMBD*N_VOCAB);
    for (size_t i = 0; i < values.size(); i++) { values[i] = (float) ((i*7919) % 101)/50.0f - 1.0f; }
    ggml_quantize_chunk(type, values.data(), weight->data, 0, N_VOCAB, N_EMBD, nullptr);
    gguf_add_tensor(g.get(), weight);
    if (!gguf_write_to_file(g.get(), paths.model.c_str(), false)) {
        exit(1);
    }
    const std::string model = read_file(paths.model);
    if (place != MAP_FILE) {
        return { model, "" };
    }
    gguf_context_ptr m(gguf_init_empty());
    gguf_set_val_str(m.get(), "general.architecture", "flashhead");
    gguf_set_val_str(m.get(), "general.type", "flashhead-map");
    gguf_set_val_str(m.get(), "flashhead.tensor", head);
    gguf_set_val_u32(m.get(), "flashhead.map.shard", 0);
    gguf_set_val_u64(m.get(), "flashhead.map.file_size", model.size());
    gguf_set_val_u64(m.get(), "flashhead.map.head_xxh64", flash_head_xxh64(weight->data, ggml_nbytes(weight)));
    set_keys(m.get(), bits);
    if (!gguf_write_to_file(m.get(), paths.map.c_str(), true)) {
        exit(1);
    }
    return { model, read_file(paths.map) };
}

static void check_map(const flash_head_map & map, int64_t n_vocab) {
    bool sound = map.n_cluster >= 2 && map.n_cluster <= n_vocab && map.n_probe >= 1 && map.n_probe <= map.n_cluster
        && (int64_t) map.cluster.size() == n_vocab && (int64_t) map.tokens.size() == n_vocab
        && (int64_t) map.position.size() == n_vocab
        && (int64_t) map.offsets.size() == map.n_cluster + 1 && map.offsets.back() == n_vocab;
    for (int64_t v = 0; sound && v < n_vocab; v++) {
        sound = map.cluster[v] >= 0 && map.cluster[v] < map.n_cluster && map.tokens[map.position[v]] == v;
    }
    for (int64_t c = 0; sound && c < map.n_cluster; c++) {
        sound = map.offsets[c] < map.offsets[c + 1];
    }
    for (int32_t token : map.pinned) {
        sound = sound && token >= 0 && token < n_vocab;
    }
    check(sound, "an invalid map is accepted");
}

// Builds what the plug-in builds from a model's rows.
static void build(const flash_head_model & model) {
    const flash_head_map & map  = model.map;
    const ggml_type        type = model.settings.centroid_type;
    std::vector<uint8_t> centroids(map.n_cluster*ggml_row_size(type, model.n_embd)), ordered(model.rows->size);
    const flash_head_weight_rows rows = { model.rows->data, FLASH_HEAD_BY_TOKEN, model.type, model.n_embd };
    flash_head_build(map, rows, type, centroids.data(), ordered.data(), 1);
    if (map.n_directions > 0) {
        const flash_head_code_sizes sizes(map, model.n_embd);
        std::vector<uint8_t> coarse(sizes.coarse), fine(sizes.fine);
        std::vector<float>   basis(sizes.basis/sizeof(float));
        flash_head_encode(map, rows, type, centroids.data(), { coarse.data(), fine.data(), basis.data() }, 1);
    }
}

// The plug-in finds its model among the open files, as in a host that loads it.
static void find(const ggml_tensor * weight) {
    const std::shared_ptr<const flash_head_model> model = flash_head_model_find(weight);
    if (model == nullptr || !model->setting_error.empty()) {
        return;
    }
    check_map(model->map, model->n_vocab);
    check(model->rows != nullptr && model->rows->data != nullptr && model->rows->size == ggml_nbytes(weight),
            "a model has no rows");
    n_loaded++;
    const flash_head_map_file & beside = model->map_file;
    if (flash_head_map_file_checks_bytes(beside)) {
        n_beside += flash_head_map_file_misfit(beside.head_xxh64, model->rows->data, model->rows->size).empty();
    }
    build(*model);
}

static void read_map(const gguf_context * gguf, const ggml_tensor * weight) {
    flash_head_map map;
    std::string error;
    if (flash_head_map_read(gguf, weight->ne[0], weight->ne[1], map, error)) {
        check_map(map, weight->ne[1]);
        n_sound++;
    } else {
        check(!error.empty() && error.find('\n') == std::string::npos, "the error is '%s'", error.c_str());
    }
}

static void cluster_rows(const std::string & path, const char * name, flash_head_pool * pool) {
    flash_head_unit_rows rows;
    try {
        flash_head_tensor_read(flash_head_tensor_find(path, name), GGML_TYPE_F16, pool, &rows);
        n_clustered++;
    } catch (const std::runtime_error &) { // what the tool prints
    }
}

// Reads the model's map file, if it has one, as the patched build does.
static void read_map_file(const std::string & path, const ggml_tensor * weight) {
    const flash_head_map_path found = flash_head_map_find(path);
    if (found.path.empty()) {
        return;
    }
    const flash_head_map_file map = flash_head_map_file_open(found);
    if (map.keys == nullptr) {
        check(!map.error.empty(), "a map that cannot be read gives no error");
        return;
    }
    const std::string error = flash_head_map_file_obstacle(map, { weight->name, 0, read_file(path).size() });
    check(error.find('\n') == std::string::npos, "the error is '%s'", error.c_str());
    if (error.empty()) {
        read_map(map.keys.get(), weight);
    }
}

// Reads the file at path, and its map file, with all readers.
static void read_all(const std::string & path, flash_head_pool * pool) {
    const int fd = open(path.c_str(), O_RDONLY); // a host has the file open while it loads
    ggml_context * meta = nullptr;
    gguf_context_ptr gguf(gguf_init_from_file(path.c_str(), { /*.no_alloc =*/ true, /*.ctx =*/ &meta }));
    ggml_context_ptr meta_owner(meta);
    for (const char * name : { "output.weight", "token_embd.weight" }) {
        const ggml_tensor * weight = gguf ? ggml_get_tensor(meta, name) : nullptr;
        if (weight != nullptr) {
            n_read++;
            read_map(gguf.get(), weight);
            read_map_file(path, weight);
            find(weight);
        }
        cluster_rows(path, name, pool);
    }
    close(fd);
}

int main(int argc, char ** argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s FOLDER [ROUNDS [SEED]]\n", argv[0]);
        return 2;
    }
    const model_paths paths = { std::string(argv[1]) + "/damaged.gguf",
            std::string(argv[1]) + "/damaged.flashhead.gguf" };
    const int rounds = argc > 2 ? atoi(argv[2]) : 20000;
    mutations m(argc > 3 ? strtoull(argv[3], nullptr, 10) : 1);
    ggml_log_set(check_log, nullptr);

    const std::vector<model_bytes> seeds = {
        sound_model(paths, GGML_TYPE_F16,  "output.weight",     0, OWN_FILE),
        sound_model(paths, GGML_TYPE_Q8_0, "token_embd.weight", 8, OWN_FILE),
        sound_model(paths, GGML_TYPE_F32,  "output.weight",     0, NOWHERE),
        sound_model(paths, GGML_TYPE_Q8_0, "output.weight",     8, MAP_FILE),
    };
    const flash_head_pool_ptr pool = flash_head_pool_new(1);
    for (const model_bytes & seed : seeds) {
        paths.write(seed);
        read_all(paths.model, pool.get());
    }
    check(n_sound == 3 && n_loaded == 3 && n_beside == 1 && n_clustered == 4,
            "undamaged files: %d maps, %d models, %d of them with map files, and %d tensors are read", n_sound,
            n_loaded, n_beside, n_clustered);

    for (int i = 0; i < rounds; i++) {
        model_bytes bytes = seeds[i % seeds.size()];
        std::string & target = bytes.map.empty() ? bytes.model : bytes.map;
        target = m.damaged(target);
        paths.write(bytes);
        const int failed = check.failed;
        read_all(paths.model, pool.get());
        if (check.failed > failed) {
            printf("in round %d\n", i);
        }
    }
    check(n_read > rounds/4 && n_sound > rounds/20 && n_sound < n_read && n_loaded > rounds/20 && n_beside > rounds/80,
            "too much or too little damage for a useful test");
    printf("%d heads read, %d valid maps, %d models loaded, %d of them with map files, %d tensors clustered\n", n_read,
            n_sound, n_loaded, n_beside, n_clustered);
    unlink(paths.model.c_str());
    unlink(paths.map.c_str());
    return check.finish();
}
