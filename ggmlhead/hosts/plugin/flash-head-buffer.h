#pragma once

// The buffer type of the plug-in's device: a head's weight lies in it in the order of the clusters, anything else as in
// the CPU's own.

#include "flash-head-weight.h"

#include "ggml-backend.h"

// The buffer type of dev, the plug-in's only device.
ggml_backend_buffer_type_t flash_head_buffer_type(ggml_backend_dev_t dev);

// Whether tensor is, or is to be, in a buffer of that type.
bool flash_head_buffer_has(const ggml_tensor * tensor);

// The head that tensor is the weight of, or nullptr: not in such a buffer, not a head, or not to be loaded yet.
flash_head_weight * flash_head_buffer_weight(const ggml_tensor * tensor);

// Logs the heads that were loaded since it was last called.
void flash_head_buffer_log_loaded();

// Whether tensor is, by its name, a weight of a LoRA adapter for the head whose weight is called so.
bool flash_head_buffer_is_lora(const ggml_tensor * tensor, const char * weight);

// Notes that a graph has a product with tensor, if that is a weight of a LoRA adapter, apart from the product with its
// head. Such a head stays dense from then on: its graphs do not come here whole, and nothing tells when the adapter is
// gone.
void flash_head_buffer_note_lora(const ggml_tensor * tensor);
