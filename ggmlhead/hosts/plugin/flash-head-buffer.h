#pragma once

// The buffer type of the plug-in's device. It stores a head's weight in cluster order, anything else as the CPU's
// buffers do.

#include "flash-head-weight.h"

#include "ggml-backend.h"

// The buffer type of dev, the plug-in's only device.
ggml_backend_buffer_type_t flash_head_buffer_type(ggml_backend_dev_t dev);

// Whether tensor is, or is to be, in a buffer of that type.
bool flash_head_buffer_has(const ggml_tensor * tensor);

// The head whose weight tensor is, or nullptr: in another buffer, not a head, or not loaded yet.
flash_head_weight * flash_head_buffer_weight(const ggml_tensor * tensor);

// Logs the heads that were loaded since the last call.
void flash_head_buffer_log_loaded();

// Whether tensor is, by its name, a LoRA adapter's weight for the head with this weight name.
bool flash_head_buffer_is_lora(const ggml_tensor * tensor, const char * weight);

// Notes a product with tensor, if it is a LoRA adapter's weight, in a graph without the head's product. That head stays
// dense from then on: the scheduler splits its graphs, and nothing tells when the adapter is removed.
void flash_head_buffer_note_lora(const ggml_tensor * tensor);
