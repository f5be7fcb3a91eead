#pragma once

// What processors have of their own to compute with groups. Each function adds those that this one can run to list, the
// fastest first, and returns their number. Private to the core.

#include "flash-head-group.h"

int flash_head_group_kernels_x86(struct flash_head_group_kernels * list);
int flash_head_group_kernels_arm(struct flash_head_group_kernels * list);
