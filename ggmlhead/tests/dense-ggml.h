#pragma once

// Weights of all types that ggml makes, and its own dot products.

#include "flash-head-dense-kernels.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "ggml.h"

#include <dlfcn.h>
#include <random>
#include <vector>

struct dense_case {
    const char * name;
    int32_t      type;
    int64_t      n_embd;
    flash_head_dot dot;
    std::vector<uint8_t> weight;
};

// The CPU backend may be a library that was loaded at run time.
inline decltype(ggml_get_type_traits_cpu) * cpu_traits() {
    ggml_backend_load_all();
    ggml_backend_t cpu = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr); // fills ggml's tables too
    Dl_info info = {};
    void * f = ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(ggml_backend_get_device(cpu)),
            "ggml_backend_set_n_threads");
    dladdr(f, &info);
    ggml_backend_free(cpu);
    return (decltype(ggml_get_type_traits_cpu) *) dlsym(dlopen(info.dli_fname, RTLD_NOW), "ggml_get_type_traits_cpu");
}

inline std::vector<dense_case> dense_cases(int64_t n_vocab) {
    const auto traits = cpu_traits();
    std::vector<dense_case> all;
    std::mt19937 rng(1);
    std::normal_distribution<float> normal;
    for (int t = 0; t < GGML_TYPE_COUNT; t++) {
        const ggml_type type = (ggml_type) t;
        if (!traits(type)->vec_dot || (ggml_is_quantized(type) && !ggml_get_type_traits(type)->from_float_ref
                && !ggml_quantize_requires_imatrix(type))) {
            continue;
        }
        const ggml_type act = traits(type)->vec_dot_type;
        for (int64_t n_embd : { 256, 768 }) {
            dense_case c = { ggml_type_name(type), t, n_embd, {}, {} };
            c.dot.vec_dot    = traits(type)->vec_dot;
            c.dot.from_float = traits(act)->from_float;
            c.dot.row_size   = ggml_row_size(type, n_embd);
            c.dot.act_size   = ggml_row_size(act, n_embd);
            std::vector<float> values(n_vocab*n_embd), importance(n_embd, 1.0f);
            for (float & f : values) { f = normal(rng); }
            c.weight.resize(n_vocab*c.dot.row_size);
            if (type == GGML_TYPE_F32) {
                memcpy(c.weight.data(), values.data(), c.weight.size());
            } else {
                ggml_quantize_chunk(type, values.data(), c.weight.data(), 0, n_vocab, n_embd, importance.data());
            }
            all.push_back(std::move(c));
        }
    }
    return all;
}
