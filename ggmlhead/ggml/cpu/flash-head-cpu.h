#pragma once

// GGML_OP_FLASH_HEAD on ggml's CPU backend: the core, run by the backend's thread pool.

#include "ggml.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ggml_compute_params;

// This thread's share of dst, a FLASH_HEAD tensor.
void ggml_compute_forward_flash_head(const struct ggml_compute_params * params, struct ggml_tensor * dst);

// Bytes of scratch memory that node, a FLASH_HEAD tensor, needs on n_threads threads.
size_t ggml_flash_head_work_size(const struct ggml_tensor * node, int n_threads);

// Whether the CPU backend can run node, a FLASH_HEAD tensor: it has dot products for the weight and the centroids.
bool ggml_flash_head_supported(const struct ggml_tensor * node);

#ifdef __cplusplus
}
#endif
