#pragma once

// Kernels for codes, by instruction set. Each function appends the kernels that this processor can run to list, fastest
// first, and returns their number. Private to the core.

#include "flash-head-codes.h"

int flash_head_code_kernels_x86(struct flash_head_code_kernels * list);
int flash_head_code_kernels_arm(struct flash_head_code_kernels * list);

// Puts the kernels of AVX-512 in the place of AVX2's where they are faster. Returns false if this processor has none.
bool flash_head_code_kernels_avx512(struct flash_head_code_kernels * kernels);

// Bits a column of the lines of kind `width`.
static const int FLASH_HEAD_FINE_BITS[FLASH_HEAD_FINE_WIDTHS] = { 4, 2, 1 };

// The portable kernel `reach`, which the others use for what does not fill their vectors.
static inline int64_t flash_head_reach(const float * estimates, int64_t begin, int64_t end, float least,
        int32_t * list) {
    int64_t n = 0;
    for (int64_t v = begin; v < end; v++) {
        list[n] = (int32_t) v;
        n += estimates[v] >= least; // no branch: it would be mispredicted too often
    }
    return n;
}
