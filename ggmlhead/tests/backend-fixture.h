#pragma once

// Plays the plug-in's host: writes model files, loads weights as a loader does, and computes products in graphs.

#include "check.h"

#include "flash-head-xxh64.h"
#include "ggml-backend.h"
#include "ggml-cpp.h"
#include "gguf.h"

#include <algorithm>
#include <functional>
#include <math.h>
#include <memory>
#include <mutex>
#include <random>
#include <stdio.h>
#include <string.h>
#include <string>
#include <vector>

static checker check;

static ggml_backend_dev_t flash_head;
static ggml_backend_dev_t cpu;
static std::string        folder;

// A model file with only a head. It stays open until close(), as in a loader.
struct model_file {
    std::string path;
    ggml_type   type;
    int64_t     n_embd, n_vocab, n_cluster;
    std::vector<uint8_t>  weight;      // in token order
    std::vector<uint32_t> assignments; // cluster of each token
    std::string map;                   // path of the map file beside it, or ""
    FILE * open = nullptr;

    model_file(const char * weight_name, ggml_type type, int64_t n_embd, int64_t n_vocab, int64_t n_cluster,
            bool keys = true, uint32_t seed = 1)
        : type(type), n_embd(n_embd), n_vocab(n_vocab), n_cluster(n_cluster) {
        std::mt19937 rng(seed);
        std::normal_distribution<float> normal;
        std::vector<float> values(n_vocab*n_embd);
        for (float & v : values) { v = normal(rng); }

        ggml_context_ptr ctx(ggml_init({ values.size()*sizeof(float) + 1024*1024, nullptr, /*.no_alloc =*/ false }));
        ggml_tensor * t = ggml_new_tensor_2d(ctx.get(), type, n_embd, n_vocab);
        ggml_set_name(t, weight_name);
        ggml_quantize_chunk(type, values.data(), t->data, 0, n_vocab, n_embd, nullptr);
        weight.assign((uint8_t *) t->data, (uint8_t *) t->data + ggml_nbytes(t));

        assignments.resize(n_vocab);
        for (int64_t i = 0; i < n_vocab; i++) { assignments[i] = i % n_cluster; }
        std::shuffle(assignments.begin(), assignments.end(), rng);
        gguf_context_ptr gguf(gguf_init_empty());
        if (keys) {
            set_keys(gguf.get());
        }
        gguf_add_tensor(gguf.get(), t);

        static int number = 0;
        path = folder + "/model-" + std::to_string(number++) + ".gguf";
        gguf_write_to_file(gguf.get(), path.c_str(), /*only_meta =*/ false);
        open = fopen(path.c_str(), "rb");
    }

    ~model_file() {
        close();
        remove(path.c_str());
        remove(map.c_str());
    }

    void set_keys(gguf_context * gguf) const {
        const uint32_t pinned[] = { 3, 0 };
        gguf_set_val_u32 (gguf, "flashhead.version", 2);
        gguf_set_val_u32 (gguf, "flashhead.cluster_count", n_cluster);
        gguf_set_val_u32 (gguf, "flashhead.probe_count", n_cluster);
        gguf_set_val_str (gguf, "flashhead.centroid_type", "f16");
        gguf_set_arr_data(gguf, "flashhead.assignments", GGUF_TYPE_UINT32, assignments.data(), n_vocab);
        gguf_set_arr_data(gguf, "flashhead.pinned_tokens", GGUF_TYPE_UINT32, pinned, 2);
    }

    // Writes a map file for the head of that name to path, with a change.
    void write_map(const std::string & to, const char * weight_name,
            const std::function<void(gguf_context *)> & change) {
        remove(map.c_str());
        map = to;
        FILE * file = fopen(path.c_str(), "rb");
        fseek(file, 0, SEEK_END);
        gguf_context_ptr gguf(gguf_init_empty());
        gguf_set_val_str(gguf.get(), "general.type", "flashhead-map");
        gguf_set_val_str(gguf.get(), "flashhead.tensor", weight_name);
        gguf_set_val_u32(gguf.get(), "flashhead.map.shard", 0);
        gguf_set_val_u64(gguf.get(), "flashhead.map.file_size", ftell(file));
        gguf_set_val_u64(gguf.get(), "flashhead.map.head_xxh64", flash_head_xxh64(weight.data(), weight.size()));
        fclose(file);
        set_keys(gguf.get());
        change(gguf.get());
        gguf_write_to_file(gguf.get(), map.c_str(), /*only_meta =*/ true);
    }

    void close() {
        if (open != nullptr) {
            fclose(open);
            open = nullptr;
        }
    }
};

// Whether the device supports op with this weight; asked as llama.cpp asks.
static bool wanted(const char * name, ggml_type type, int64_t n_embd, int64_t n_vocab, ggml_op op = GGML_OP_MUL_MAT) {
    ggml_context_ptr ctx(ggml_init({ 8*ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
    ggml_tensor * w = ggml_new_tensor_2d(ctx.get(), type, n_embd, n_vocab);
    ggml_set_name(w, name);
    ggml_tensor * node = op == GGML_OP_MUL_MAT
        ? ggml_mul_mat (ctx.get(), w, ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, n_embd, 512))
        : ggml_get_rows(ctx.get(), w, ggml_new_tensor_1d(ctx.get(), GGML_TYPE_I32, 512));
    ggml_backend_buffer_ptr nothing(ggml_backend_buft_alloc_buffer(ggml_backend_dev_buffer_type(flash_head), 0));
    w->buffer = nothing.get();
    return ggml_backend_dev_supports_op(flash_head, node);
}

// A weight in the plug-in's buffer, filled in random pieces.
struct loaded_weight {
    ggml_context_ptr        ctx;
    ggml_backend_buffer_ptr buffer;
    ggml_tensor           * weight = nullptr;

    loaded_weight(const model_file & file, const char * name, const std::vector<uint8_t> & data, uint32_t seed = 1) {
        ctx.reset(ggml_init({ 4*ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
        weight = ggml_new_tensor_2d(ctx.get(), file.type, file.n_embd, file.n_vocab);
        ggml_set_name(weight, name);
        buffer.reset(ggml_backend_alloc_ctx_tensors_from_buft(ctx.get(), ggml_backend_dev_buffer_type(flash_head)));
        if (!buffer) {
            return;
        }
        ggml_backend_buffer_set_usage(buffer.get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);

        std::mt19937 rng(seed);
        std::vector<std::pair<size_t, size_t>> pieces;
        for (size_t at = 0; at < data.size(); ) {
            const size_t n = std::min<size_t>(data.size() - at, 1 + rng() % 5000);
            pieces.push_back({ at, n });
            at += n;
        }
        std::shuffle(pieces.begin(), pieces.end(), rng);
        for (const auto & piece : pieces) {
            ggml_backend_tensor_set(weight, data.data() + piece.first, piece.first, piece.second);
        }
    }
};

// The backends of one context: the plug-in's before the CPU's.
struct host_backends {
    std::vector<ggml_backend_ptr> own;
    std::vector<ggml_backend_t>   list;
    ggml_backend_sched_ptr        sched;

    explicit host_backends(int n_threads) {
        for (ggml_backend_dev_t dev : { flash_head, cpu }) {
            own.emplace_back(ggml_backend_dev_init(dev, nullptr));
            list.push_back(own.back().get());
            ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(dev);
            ((ggml_backend_set_n_threads_t) ggml_backend_reg_get_proc_address(reg,
                    "ggml_backend_set_n_threads"))(list.back(), n_threads);
        }
        sched.reset(ggml_backend_sched_new(list.data(), nullptr, (int) list.size(), GGML_DEFAULT_GRAPH_SIZE, false,
                true));
    }
};

// 0.5 times the product of weight with n_rows random rows: one op for the plug-in and one for the CPU.
static std::vector<float> logits_of(ggml_tensor * weight, int64_t n_rows, int n_threads, bool lora = false,
        uint32_t seed = 7) {
    host_backends host(n_threads);
    ggml_context_ptr ctx(ggml_init({ 32*ggml_tensor_overhead() + ggml_graph_overhead(), nullptr,
            /*.no_alloc =*/ true }));
    ggml_tensor * x = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, weight->ne[0], n_rows);
    ggml_set_input(x);
    ggml_tensor * y = ggml_mul_mat(ctx.get(), weight, x);
    ggml_context_ptr        lora_ctx;
    ggml_backend_buffer_ptr lora_buffer;
    if (lora) { // a zero adapter of rank 1, in the same buffer type, as llama.cpp places it
        lora_ctx.reset(ggml_init({ ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
        ggml_tensor * a = ggml_new_tensor_2d(lora_ctx.get(), GGML_TYPE_F32, weight->ne[0], 1);
        ggml_format_name(a, "%s.lora_a", weight->name);
        lora_buffer.reset(ggml_backend_alloc_ctx_tensors_from_buft(lora_ctx.get(),
                ggml_backend_dev_buffer_type(flash_head)));
        ggml_backend_tensor_memset(a, 0, 0, ggml_nbytes(a));
        y = ggml_add(ctx.get(), y, ggml_mul_mat(ctx.get(), a, x));
    }
    y = ggml_scale(ctx.get(), y, 0.5f);
    ggml_set_output(y);
    ggml_cgraph * graph = ggml_new_graph(ctx.get());
    ggml_build_forward_expand(graph, y);

    ggml_backend_sched_alloc_graph(host.sched.get(), graph);
    std::mt19937 rng(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(ggml_nelements(x));
    for (float & v : values) { v = normal(rng); }
    ggml_backend_tensor_set(x, values.data(), 0, ggml_nbytes(x));
    std::vector<float> out(ggml_nelements(y));
    if (ggml_backend_sched_graph_compute(host.sched.get(), graph) == GGML_STATUS_SUCCESS) {
        ggml_backend_tensor_get(y, out.data(), 0, ggml_nbytes(y));
    }
    return out;
}

// The same on the CPU only.
static std::vector<float> dense_logits(const model_file & file, int64_t n_rows, int n_threads, uint32_t seed = 7) {
    ggml_context_ptr ctx(ggml_init({ 4*ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
    ggml_tensor * weight = ggml_new_tensor_2d(ctx.get(), file.type, file.n_embd, file.n_vocab);
    ggml_backend_buffer_ptr buffer(ggml_backend_alloc_ctx_tensors_from_buft(ctx.get(),
            ggml_backend_dev_buffer_type(cpu)));
    ggml_backend_tensor_set(weight, file.weight.data(), 0, file.weight.size());
    return logits_of(weight, n_rows, n_threads, false, seed);
}

static double difference(const std::vector<float> & a, const std::vector<float> & b) {
    double d = a.size() == b.size() ? 0.0 : INFINITY;
    for (size_t i = 0; i < a.size() && a.size() == b.size(); i++) {
        d = std::max(d, (double) fabsf(a[i] - b[i]));
    }
    return d;
}

static const char * const TIED = "token_embd.weight";
static const char * const HEAD = "output.weight";

// Captures the log of all threads.
struct captured_log {
    std::mutex  mutex;
    std::string text;

    captured_log()  { ggml_log_set(add, this); }
    ~captured_log() { ggml_log_set(nullptr, nullptr); }

    static void add(ggml_log_level, const char * text, void * self) {
        captured_log * log = (captured_log *) self;
        std::lock_guard<std::mutex> lock(log->mutex);
        log->text += text;
    }

    bool has(const std::string & what) {
        std::lock_guard<std::mutex> lock(mutex);
        return text.find(what) != std::string::npos;
    }
};
