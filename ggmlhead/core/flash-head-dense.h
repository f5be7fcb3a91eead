#pragma once

// The dense product for several rows of activations at once: every logit of up to FLASH_HEAD_DENSE_MAX_ROWS rows, while
// each row of the weight is read from memory and unpacked once for all of them. It checks tokens that were proposed by
// estimates.
//
// What it guarantees:
//   - Activations are rounded by ggml's own function for the weight's type. Products of rounded numbers are summed in
//     integers within each block, as vec_dot does. So a logit differs from vec_dot's by the order of float sums only:
//     by at most about 1e-6 times the sum of the products' sizes. ggml's own vec_dot of F16 is less exact on some Arm
//     processors, where it sums in F16.
//   - The bytes of a logit depend on the weight, its row of activations, and on which of two ways the number of rows
//     takes: vec_dot itself, for few rows or a type without a kernel, or a kernel. They do not depend on the number of
//     threads, nor on other rows.
//   - Activations that are not finite give logits without meaning in their row, and change no other row.
// flash_head_dense_exact() is vec_dot to the last bit.

#include "flash-head.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FLASH_HEAD_DENSE_MAX_ROWS 32

struct flash_head_dense {
    const void * weight;  // [V][D]
    int64_t      n_embd;  // D
    int64_t      n_vocab; // V
    int32_t      type;    // of the weight: enum ggml_type, which is also the number in GGUF files
    struct flash_head_dot dot;
};

// Bytes of scratch memory that flash_head_dense_run needs for n rows on n_threads threads. Does not read the weight.
size_t flash_head_dense_work_size(const struct flash_head_dense * dense, int n, int n_threads);

// logits [n][V] of activations x [n][D], n in 1 .. FLASH_HEAD_DENSE_MAX_ROWS; stride_x and stride_logits are bytes from
// one row to the next. All threads pass the same arguments but for `thread`, whose counts are not touched. On return
// this thread's share of the logits is written; the host joins the threads.
void flash_head_dense_run(const struct flash_head_dense * dense, const float * x, size_t stride_x, int n,
        float * logits, size_t stride_logits, void * work, struct flash_head_thread thread);

// Whether all logits of n rows are vec_dot's to the last bit: few rows, or a type without a kernel.
bool flash_head_dense_is_exact(const struct flash_head_dense * dense, int n);

// Overwrites the logits [V] of n_tokens tokens of one row x [D] by vec_dot's. work has dot.act_size bytes, aligned to
// 4.
void flash_head_dense_exact(const struct flash_head_dense * dense, const float * x, const int32_t * tokens,
        int64_t n_tokens, float * logits, void * work);

#ifdef __cplusplus
}
#endif
