#pragma once

// GGML_OP_FLASH_HEAD on ggml's CUDA backend, and so on HIP and MUSA.

#include "ggml-cuda/common.cuh"

// Computes dst, a FLASH_HEAD tensor, on the context's stream; it neither waits nor allocates but from the pool, so that
// it can be a part of a CUDA graph.
void ggml_cuda_flash_head(ggml_backend_cuda_context & ctx, ggml_tensor * dst);

// Whether the device can run op, a FLASH_HEAD tensor: there are dot products for its types, rows lie in their own order
// and centroids as ggml has them, and whatever is in a buffer already is in one of the device's own.
bool ggml_cuda_flash_head_supported(int device, const ggml_tensor * op);
