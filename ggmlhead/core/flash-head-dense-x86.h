#pragma once

// What the dense product's kernels for x86-64 share. They are chosen at run time, whatever the compiler targets.

#include "flash-head-dense-unpack.h"

#define TARGET_AVX2 __attribute__((target("avx2,f16c,fma")))

// Unpacks a tile of a quantised type to bytes, scales and minimums. Needs AVX2 and F16C.
void flash_head_dense_unpack_avx2(int32_t type, const char * const * rows, int64_t n_embd, const dense_tile & tile);

// Each returns whether this processor can run its kernels, and if so sets kernels to them.
bool flash_head_dense_kernels_avx512(struct flash_head_dense_kernels & kernels);
