#pragma once

// What the dense product's kernels for x86-64 share. They are chosen at run time, whatever the compiler targets.

#include "flash-head-dense-unpack.h"

#define TARGET_AVX2 __attribute__((target("avx2,f16c,fma")))

// With VNNI all quantised types are multiplied as integers.
static inline int32_t dense_offset_vnni(int32_t type) {
    return dense_block(type) > 1 ? dense_offset(type) : FLASH_HEAD_DENSE_FLOATS;
}

static inline int dense_least_rows_vnni(int32_t type) {
    return dense_block(type) == 256 ? 6 : 4;
}

// Unpacks a tile of a quantised type to bytes, scales and minimums. Needs AVX2 and F16C.
void flash_head_dense_unpack_avx2(const struct flash_head_dense_rows & rows, int64_t n_embd, const dense_tile & tile);

// Sets kernels to those with AVX-512 and returns whether this processor, which has AVX2, can run them.
bool flash_head_dense_kernels_avx512(struct flash_head_dense_kernels & kernels);
