#pragma once

// The best logits of a row once more, by ggml's own dot product. A product of many rows at once (flash-head-dense.h)
// sums floats in another order; what is drawn from the best tokens is to be what ggml's product of one row gives, to
// the bit.

#include "flash-head-dense.h"

// About so many of the best tokens are computed again, as a sample tells (flash-head-sample.h). More than llama.cpp sorts
// in its own order for top-k.
#define FLASH_HEAD_CONFIRMED 256

// Bytes of scratch memory for one call; aligned to 4.
size_t flash_head_confirm_work_size(const flash_head_dense * dense);

// Overwrites the best of logits [V] of the row x [D].
void flash_head_confirm(const flash_head_dense * dense, const float * x, float * logits, void * work);
