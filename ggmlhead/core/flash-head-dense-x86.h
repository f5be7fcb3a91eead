#pragma once

// What the dense product's kernels for x86-64 share. They are chosen at run time, whatever the compiler targets.

#include "flash-head-dense-unpack.h"
#include "flash-head-prefetch.h"

#include <algorithm>

#define TARGET_AVX2 __attribute__((target("avx2,f16c,fma")))

// With VNNI all quantised types are multiplied as integers.
static inline flash_head_dense_form dense_form_vnni(int32_t type) {
    return dense_block(type) == 1 ? flash_head_dense_form { 1, 0 } : flash_head_dense_form { 4, dense_offset(type) };
}

static inline int dense_least_rows_vnni(int32_t type) {
    return dense_block(type) == 256 ? 6 : 4;
}

// Spreads prefetches over steps of a kernel: a processor has room for few at once, and waits when it is full.
struct spread_prefetch {
    const char * at, * end;
    size_t       step;

    spread_prefetch(const char * at, size_t size, int64_t n_steps)
        : at(at), end(at + size), step((size/n_steps + 63)/64*64) {}

    void operator()() {
        const size_t size = std::min(step, (size_t) (end - at));
        if (size > 0) {
            flash_head_prefetch(at, size);
            at += size;
        }
    }
};

// Unpacks a tile of a quantised type to bytes, scales and minimums. Needs AVX2 and F16C.
void flash_head_dense_unpack_avx2(const struct flash_head_dense_rows & rows, int64_t n_embd, const dense_tile & tile);

// Sets kernels to those with AVX-512 and returns whether this processor, which has AVX2, can run them.
bool flash_head_dense_kernels_avx512(struct flash_head_dense_kernels & kernels);
