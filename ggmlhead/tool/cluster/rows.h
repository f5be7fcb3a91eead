#pragma once

#include "ggml.h"
#include "pool.h"

#include <cstdint>
#include <cstdlib>
#include <string>

// Memory aligned to 64 bytes (what the kernels want), freed with the object. Throws std::bad_alloc when there is none.
struct flash_head_aligned_buffer {
    uint8_t * data = nullptr;
    size_t    size = 0;

    flash_head_aligned_buffer() = default;
    flash_head_aligned_buffer(const flash_head_aligned_buffer &) = delete;
    flash_head_aligned_buffer & operator=(const flash_head_aligned_buffer &) = delete;
    ~flash_head_aligned_buffer();

    void resize(size_t n_bytes);    // old contents are lost, new ones are not initialised
};

// Rows of a weight scaled to unit length: n_rows rows of n_stride values of the given type (F16 or BF16). A row's last
// n_stride - n_cols values are zero, n_stride is a multiple of 32. A zero row stays zero.
struct flash_head_unit_rows {
    enum ggml_type type     = GGML_TYPE_F16;
    int64_t        n_rows   = 0;
    int64_t        n_cols   = 0;
    int64_t        n_stride = 0;
    flash_head_aligned_buffer     buffer;

    size_t          row_size() const               { return n_stride*sizeof(uint16_t); }
    void          * row(int64_t i)                 { return buffer.data + i*row_size(); }
    const void    * row(int64_t i) const           { return buffer.data + i*row_size(); }
};

// Makes room for n_rows rows of n_cols columns, not initialised.
void flash_head_unit_rows_init(flash_head_unit_rows * rows, enum ggml_type type, int64_t n_rows, int64_t n_cols);

// Scales x [n_cols] to unit length and stores it as row i; tmp is scratch of n_stride floats.
// Returns false if x has a NaN or an infinity.
bool flash_head_unit_rows_set(flash_head_unit_rows * rows, int64_t i, const float * x, float * tmp);

// Reads row i as floats: out [n_stride].
void flash_head_unit_rows_get(const flash_head_unit_rows * rows, int64_t i, float * out);

// Where a tensor of a GGUF file lies.
struct flash_head_tensor_info {
    std::string    path;
    std::string    name;
    enum ggml_type type   = GGML_TYPE_F32;
    int64_t        n_rows = 0;
    int64_t        n_cols = 0;
    uint64_t       offset = 0;    // of its first byte in the file
};

// Finds a 2D tensor in a GGUF file and checks that it lies inside the file and can be dequantised.
// Throws std::runtime_error (one line, lower case).
flash_head_tensor_info flash_head_tensor_find(const std::string & path, const std::string & name);

// Reads and dequantises the tensor's rows and stores them at unit length. rows must be empty.
// Throws std::runtime_error: read errors, NaN or infinite weights (names the tensor and the first such row).
void flash_head_tensor_read(const flash_head_tensor_info & info, enum ggml_type type, flash_head_pool * pool,
        flash_head_unit_rows * rows);
