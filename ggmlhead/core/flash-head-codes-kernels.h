#pragma once

// Kernels for codes, by instruction set. Each function appends the kernels that this processor can run to list, fastest
// first, and returns their number. Private to the core.

#include "flash-head-codes.h"

int flash_head_code_kernels_x86(struct flash_head_code_kernels * list);
int flash_head_code_kernels_arm(struct flash_head_code_kernels * list);

// Bits a column of the lines of kind `width`.
static const int FLASH_HEAD_FINE_BITS[FLASH_HEAD_FINE_WIDTHS] = { 4, 2, 1 };
