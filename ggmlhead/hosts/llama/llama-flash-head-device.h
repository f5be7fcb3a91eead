#pragma once

// Where a head lies, and the device that computes it there: FlashHead moves no weight.

#include "llama-flash-head.h"

#include "ggml-backend.h"

#include <string>

// The device that a head in a buffer of this type is computed on. For host memory that is the CPU, whoever else reaches
// it: pinned memory of a GPU (CUDA_Host, Vulkan_Host) names the GPU as its device. The memory of an integrated GPU is
// not host memory in ggml, nor is Metal's.
ggml_backend_dev_t llama_flash_head_device(ggml_backend_buffer_type_t buft);

// Whether buffers of this type repack rows, for a product of their own.
bool llama_flash_head_is_repacked(ggml_backend_buffer_type_t buft);

// The buffer types of list that keep rows as they are, or all of list if there is none.
buft_list_t llama_flash_head_plain(const buft_list_t & list);

// Why single rows of a head cannot be read where it lies, whatever the device computes, or "".
std::string llama_flash_head_obstacle(const ggml_tensor * weight);
