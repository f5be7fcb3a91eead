#include "weight.h"

#include "flash-head-map.h"
#include "flash-head-row.h"
#include "ggml-cpp.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <vector>

void flash_head_row_get(const void * data, enum ggml_type type, int64_t n_cols, int64_t i, float * out) {
    flash_head_to_float(type, (const uint8_t *) data + i*ggml_row_size(type, n_cols), out, n_cols);
}

void flash_head_dense_weight::get(int64_t i, float * out) const {
    flash_head_row_get(data.data, info.type, info.n_cols, i, out);
}

// Reads the bias of the head info; empty if the file has none.
static std::vector<float> read_bias(const flash_head_tensor_info & info) {
    struct ggml_context * ctx = nullptr;
    gguf_context_ptr gguf(gguf_init_from_file(info.path.c_str(), { /*.no_alloc =*/ true, /*.ctx =*/ &ctx }));
    ggml_context_ptr tensors(ctx);
    const struct ggml_tensor * t = tensors ? ggml_get_tensor(tensors.get(), FLASH_HEAD_BIAS) : nullptr;
    if (t == nullptr) {
        return {};
    }
    if (t->type != GGML_TYPE_F32 || ggml_nelements(t) != info.n_rows) {
        throw std::runtime_error("tensor " FLASH_HEAD_BIAS " is not one F32 number for each row of " + info.name);
    }
    std::vector<float> bias(info.n_rows);
    const uint64_t offset = gguf_get_data_offset(gguf.get())
            + gguf_get_tensor_offset(gguf.get(), gguf_find_tensor(gguf.get(), FLASH_HEAD_BIAS));
    std::ifstream file(info.path, std::ios::binary);
    if (!file.seekg((std::streamoff) offset)
            || !file.read((char *) bias.data(), (std::streamsize) (bias.size()*sizeof(float)))) {
        throw std::runtime_error("cannot read tensor " FLASH_HEAD_BIAS " from " + info.path);
    }
    for (int64_t i = 0; i < info.n_rows; i++) {
        if (!std::isfinite(bias[i])) {
            throw std::runtime_error("tensor " FLASH_HEAD_BIAS " has a NaN or infinite number for row "
                    + std::to_string(i));
        }
    }
    return bias;
}

void flash_head_dense_weight_read(flash_head_dense_weight * w, flash_head_pool * pool) {
    const flash_head_tensor_info & info = w->info;
    w->data.resize(info.n_rows*ggml_row_size(info.type, info.n_cols));
    std::ifstream file(info.path, std::ios::binary);
    if (!file.seekg((std::streamoff) info.offset) || !file.read((char *) w->data.data,
            (std::streamsize) w->data.size)) {
        throw std::runtime_error("cannot read tensor " + info.name + " from " + info.path);
    }

    const int64_t n_block = 1024;
    const int64_t n_tasks = (info.n_rows + n_block - 1)/n_block;
    std::vector<float>              most(n_tasks, 0.0f);
    std::vector<int64_t>            bad (n_tasks, -1);
    std::vector<std::vector<float>> rows(flash_head_pool_n_threads(pool), std::vector<float>(info.n_cols));
    flash_head_pool_run(pool, n_tasks, [&](int worker, int64_t task) {
        std::vector<float> & x = rows[worker];
        for (int64_t i = task*n_block; i < std::min((task + 1)*n_block, info.n_rows) && bad[task] < 0; i++) {
            w->get(i, x.data());
            for (float value : x) {
                const float size = std::fabs(value);
                bad [task] = std::isfinite(value) ? bad[task] : i;
                most[task] = size > most[task] ? size : most[task];
            }
        }
    });
    for (int64_t task = 0; task < n_tasks; task++) {
        if (bad[task] >= 0) {
            throw std::runtime_error("tensor " + info.name + " has a NaN or infinite weight in row "
                    + std::to_string(bad[task]));
        }
        w->most = std::max(w->most, most[task]);
    }
    w->bias = read_bias(info);
}
