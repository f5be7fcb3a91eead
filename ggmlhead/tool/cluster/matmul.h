#pragma once

#include "ggml.h"

#include <cstdint>
#include <memory>

// Matrix products on ggml's CPU backend, one thread each: a caller with several threads makes one flash_head_matmul for
// each and gives them different blocks. A product then never depends on how many threads there are.
struct flash_head_matmul;

struct flash_head_matmul_deleter {
    void operator()(flash_head_matmul * mm) const;
};
typedef std::unique_ptr<flash_head_matmul, flash_head_matmul_deleter> flash_head_matmul_ptr;

// Loads ggml's backends (once a process) and opens the CPU. Throws std::runtime_error if there is no CPU backend.
flash_head_matmul_ptr flash_head_matmul_new();

// The type in which rows and centroids are kept: BF16 where the CPU multiplies it natively (measured, two cores of a
// Zen 4, rows of 640 to 2048: BF16 290-380 GFLOP/s, Q8_0 185-230, F16 160-195, F32 155-195), F16 elsewhere.
enum ggml_type flash_head_matmul_best_type();

// out[j*n_a + i] = a_i . b_j  for rows a_i [n_a][n_cols] and b_j [n_b][n_cols], both of the given type, out in F32.
// a, b and out must be aligned to 64 bytes and n_cols be a multiple of 32; n_a should be a multiple of 16 (fast
// kernels). Returns false if ggml failed (out of memory).
bool flash_head_matmul_run(flash_head_matmul * mm, enum ggml_type type, int64_t n_cols,
        const void * a, int64_t n_a, const void * b, int64_t n_b, float * out);
