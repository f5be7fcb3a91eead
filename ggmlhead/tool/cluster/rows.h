#pragma once

#include "ggml.h"
#include "pool.h"

#include <cstdint>
#include <cstdlib>
#include <string>

// Memory aligned to 64 bytes (what the kernels want), freed with the object. Throws std::bad_alloc when there is none.
struct fhc_buffer {
    uint8_t * data = nullptr;
    size_t    size = 0;

    fhc_buffer() = default;
    fhc_buffer(const fhc_buffer &) = delete;
    fhc_buffer & operator=(const fhc_buffer &) = delete;
    ~fhc_buffer();

    void resize(size_t n_bytes);    // old contents are lost, new ones are not initialised
};

// Rows of a weight scaled to unit length: n_rows rows of n_stride values of the given type (F16 or BF16). A row's last
// n_stride - n_cols values are zero, n_stride is a multiple of 32. A zero row stays zero.
struct fhc_rows {
    enum ggml_type type     = GGML_TYPE_F16;
    int64_t        n_rows   = 0;
    int64_t        n_cols   = 0;
    int64_t        n_stride = 0;
    fhc_buffer     buffer;

    size_t          row_size() const               { return n_stride*sizeof(uint16_t); }
    void          * row(int64_t i)                 { return buffer.data + i*row_size(); }
    const void    * row(int64_t i) const           { return buffer.data + i*row_size(); }
};

// Makes room for n_rows rows of n_cols columns, not initialised.
void fhc_rows_init(fhc_rows * rows, enum ggml_type type, int64_t n_rows, int64_t n_cols);

// Scales x [n_cols] to unit length and stores it as row i; tmp is scratch of n_stride floats.
// Returns false if x has a NaN or an infinity.
bool fhc_rows_set(fhc_rows * rows, int64_t i, const float * x, float * tmp);

// Reads row i as floats: out [n_stride].
void fhc_rows_get(const fhc_rows * rows, int64_t i, float * out);

// Where a tensor of a GGUF file lies.
struct fhc_tensor_info {
    std::string    path;
    std::string    name;
    enum ggml_type type   = GGML_TYPE_F32;
    int64_t        n_rows = 0;
    int64_t        n_cols = 0;
    uint64_t       offset = 0;    // of its first byte in the file
};

// Finds a 2D tensor in a GGUF file and checks that it lies inside the file and can be dequantised.
// Returns false and sets error (one line, lower case).
bool fhc_tensor_find(const char * path, const char * name, fhc_tensor_info * info, std::string * error);

// Reads and dequantises the tensor's rows and stores them at unit length. rows must be empty.
// Returns false and sets error: read errors, NaN or infinite weights (names the tensor and the first such row).
bool fhc_tensor_read(const fhc_tensor_info * info, enum ggml_type type, fhc_pool * pool, fhc_rows * rows, std::string * error);
