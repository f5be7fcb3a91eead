#pragma once

// GGML_OP_FLASH_HEAD on ggml's Metal backend: what its dispatch calls.

#include "ggml-metal-device.h"

#ifdef __cplusplus
extern "C" {
#endif

// Whether the kernels can run op, a FLASH_HEAD tensor: they have the types of weight and centroids; there is
// neither a copy of the rows nor centroids in groups, which only a CPU reads; the rows are not in memory of the host.
// BF16 is left to the caller, who knows the device.
bool ggml_metal_op_flash_head_supported(const struct ggml_tensor * op);

// Bytes of scratch memory that op needs behind its logits.
size_t ggml_metal_op_flash_head_extra(const struct ggml_tensor * op);

// Encodes op, whose memory is ggml_nbytes(op) + ggml_metal_op_flash_head_extra(op) bytes. Returns the number of nodes
// that were encoded.
int ggml_metal_op_flash_head(ggml_metal_library_t lib, ggml_metal_encoder_t enc, const struct ggml_tensor * op);

#ifdef __cplusplus
}
#endif
