#pragma once

// Kernels for groups, by instruction set. Each function appends the kernels that this processor can run to list,
// fastest first, and returns their number. Private to the core.

#include "flash-head-group.h"

int flash_head_group_kernels_x86(struct flash_head_group_kernels * list);
int flash_head_group_kernels_arm(struct flash_head_group_kernels * list);
