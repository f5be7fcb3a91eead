#include "rows.h"

#include "flash-head-row.h"
#include "flash-head-vocab.h"
#include "ggml-cpp.h"
#include "gguf.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>
#include <vector>

static const std::align_val_t FLASH_HEAD_ALIGNMENT{64};

flash_head_aligned_buffer::~flash_head_aligned_buffer() {
    ::operator delete(data, FLASH_HEAD_ALIGNMENT);
}

void flash_head_aligned_buffer::resize(size_t n_bytes) {
    ::operator delete(data, FLASH_HEAD_ALIGNMENT);
    data = nullptr;
    data = (uint8_t *) ::operator new(n_bytes, FLASH_HEAD_ALIGNMENT);
    size = n_bytes;
}

void flash_head_unit_rows_init(flash_head_unit_rows * rows, enum ggml_type type, int64_t n_rows, int64_t n_cols) {
    GGML_ASSERT(type == GGML_TYPE_F16 || type == GGML_TYPE_BF16);
    rows->type     = type;
    rows->n_rows   = n_rows;
    rows->n_cols   = n_cols;
    rows->n_stride = GGML_PAD(n_cols, 32);
    rows->buffer.resize(n_rows*rows->row_size());
}

bool flash_head_unit_rows_set(flash_head_unit_rows * rows, int64_t i, const float * x, float * tmp) {
    // eight partial sums: fast without -ffast-math, and always added in the same order
    const int64_t n = rows->n_cols;
    float top = 0.0f;
    bool  bad = false;
    for (int64_t k = 0; k < n; k++) {
        const float a = fabsf(x[k]);
        bad |= !(a <= 3.402823466e38f);
        top  = a > top ? a : top;
    }
    if (bad) {
        return false;
    }
    // scaled by the largest value first, so that no square overflows or vanishes
    const float scale = top > 0.0f ? 1.0f/top : 0.0f;
    const bool  tiny  = !std::isfinite(scale);
    double sums[8] = { 0 };
    for (int64_t k = 0; k < n; k++) {
        const float v = tiny ? x[k]/top : x[k]*scale;
        tmp[k] = v;
        sums[k % 8] += (double) v*v;
    }
    double sum = 0.0;
    for (double s : sums) {
        sum += s;
    }
    const float unit = sum > 0.0 ? (float) (1.0/sqrt(sum)) : 0.0f;
    for (int64_t k = 0; k < n; k++) {
        tmp[k] *= unit;
    }
    std::fill(tmp + n, tmp + rows->n_stride, 0.0f);
    if (rows->type == GGML_TYPE_BF16) {
        ggml_fp32_to_bf16_row(tmp, (ggml_bf16_t *) rows->row(i), rows->n_stride);
    } else {
        ggml_fp32_to_fp16_row(tmp, (ggml_fp16_t *) rows->row(i), rows->n_stride);
    }
    return true;
}

void flash_head_unit_rows_get(const flash_head_unit_rows * rows, int64_t i, float * out) {
    if (rows->type == GGML_TYPE_BF16) {
        ggml_bf16_to_fp32_row((const ggml_bf16_t *) rows->row(i), out, rows->n_stride);
    } else {
        ggml_fp16_to_fp32_row((const ggml_fp16_t *) rows->row(i), out, rows->n_stride);
    }
}

flash_head_tensor_info flash_head_tensor_find(const std::string & path, const std::string & name) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) {
        throw std::runtime_error("cannot open " + path);
    }
    const uint64_t file_size = (uint64_t) file.tellg();

    ggml_context * ctx = nullptr;
    gguf_context_ptr gguf(gguf_init_from_file(path.c_str(), { /*no_alloc =*/ true, /*ctx =*/ &ctx }));
    ggml_context_ptr tensors(ctx);
    if (!gguf || !tensors) {
        throw std::runtime_error(path + " is not a GGUF file that can be read");
    }
    const int64_t       id = gguf_find_tensor(gguf.get(), name.c_str());
    const ggml_tensor * t  = id < 0 ? nullptr : ggml_get_tensor(tensors.get(), name.c_str());
    if (t == nullptr) {
        throw std::runtime_error("no tensor " + name + " in " + path);
    }
    if (ggml_n_dims(t) != 2 || ggml_is_empty(t)) {
        throw std::runtime_error("tensor " + name + " is not a matrix");
    }
    if (t->type != GGML_TYPE_F32 && ggml_get_type_traits(t->type)->to_float == nullptr) {
        throw std::runtime_error("tensor " + name + " has type " + ggml_type_name(t->type)
                + ", which cannot be dequantised");
    }
    flash_head_tensor_info info;
    info.path   = path;
    info.name   = name;
    info.type   = t->type;
    info.n_cols = t->ne[0];
    info.n_rows = flash_head_n_vocab(gguf.get(), tensors.get(), t);
    info.offset = (uint64_t) gguf_get_data_offset(gguf.get()) + gguf_get_tensor_offset(gguf.get(), id);

    const uint64_t n_bytes = ggml_nbytes(t);
    if (info.offset > file_size || n_bytes > file_size - info.offset) {
        throw std::runtime_error(path + " is cut short: tensor " + name + " ends after the file does");
    }
    return info;
}

void flash_head_tensor_read(const flash_head_tensor_info & info, enum ggml_type type, flash_head_pool * pool,
        flash_head_unit_rows * rows) {
    flash_head_unit_rows_init(rows, type, info.n_rows, info.n_cols);

    const size_t  src_size = ggml_row_size(info.type, info.n_cols);
    const int64_t n_block  = std::max<int64_t>(1, (1 << 20)/(int64_t) src_size);    // rows a task: 1 MiB of the file

    // plain reads, not a mapping: the file's pages never count as this process's memory
    struct reader {
        std::ifstream        file;
        std::vector<uint8_t> raw;
        std::vector<float>   x;
        std::vector<float>   tmp;
    };
    std::vector<reader> readers(flash_head_pool_n_threads(pool));
    for (reader & r : readers) {
        r.file.rdbuf()->pubsetbuf(nullptr, 0);
        r.file.open(info.path, std::ios::binary);
        r.raw.resize(n_block*src_size);
        r.x  .resize(rows->n_stride);
        r.tmp.resize(rows->n_stride);
    }

    std::atomic<int64_t> bad_row {INT64_MAX};    // the first row with a NaN or an infinity
    std::atomic<bool>    bad_read{false};
    flash_head_pool_run(pool, (info.n_rows + n_block - 1)/n_block, [&](int worker, int64_t task) {
        reader & r = readers[worker];
        const int64_t i0 = task*n_block;
        const int64_t i1 = std::min(i0 + n_block, info.n_rows);
        r.file.seekg((std::streamoff) (info.offset + i0*src_size));
        r.file.read((char *) r.raw.data(), (std::streamsize) ((i1 - i0)*src_size));
        if (!r.file) {
            bad_read = true;
            return;
        }
        for (int64_t i = i0; i < i1; i++) {
            const uint8_t * src = r.raw.data() + (i - i0)*src_size;
            flash_head_to_float(info.type, src, r.x.data(), info.n_cols);
            if (!flash_head_unit_rows_set(rows, i, r.x.data(), r.tmp.data())) {
                int64_t first = bad_row;
                while (i < first && !bad_row.compare_exchange_weak(first, i)) {
                }
                return;
            }
        }
    });
    if (bad_read) {
        throw std::runtime_error("cannot read tensor " + info.name + " from " + info.path);
    }
    if (bad_row != INT64_MAX) {
        throw std::runtime_error("tensor " + info.name + " has a NaN or infinite weight in row "
                + std::to_string(bad_row.load()));
    }
}
