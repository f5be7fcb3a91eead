#pragma once

// The types of weights that the dense product has kernels for. A new one gets a number and its properties here, a
// function that unpacks it in flash-head-dense-unpack.h, and a case in each file of kernels.

#include <stdint.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

// Their numbers are those in GGUF files.
enum flash_head_dense_type {
    FLASH_HEAD_DENSE_F32  =  0,
    FLASH_HEAD_DENSE_F16  =  1,
    FLASH_HEAD_DENSE_Q4_0 =  2,
    FLASH_HEAD_DENSE_Q4_1 =  3,
    FLASH_HEAD_DENSE_Q5_0 =  6,
    FLASH_HEAD_DENSE_Q5_1 =  7,
    FLASH_HEAD_DENSE_Q8_0 =  8,
    FLASH_HEAD_DENSE_Q4_K = 12,
    FLASH_HEAD_DENSE_Q5_K = 13,
    FLASH_HEAD_DENSE_Q6_K = 14,
    FLASH_HEAD_DENSE_BF16 = 30,
};

// Other types are multiplied by vec_dot.
ALWAYS_INLINE bool dense_has_kernel(int32_t type) {
    switch (type) {
        case FLASH_HEAD_DENSE_F32:
        case FLASH_HEAD_DENSE_F16:
        case FLASH_HEAD_DENSE_BF16:
        case FLASH_HEAD_DENSE_Q4_0:
        case FLASH_HEAD_DENSE_Q4_1:
        case FLASH_HEAD_DENSE_Q5_0:
        case FLASH_HEAD_DENSE_Q5_1:
        case FLASH_HEAD_DENSE_Q8_0:
        case FLASH_HEAD_DENSE_Q4_K:
        case FLASH_HEAD_DENSE_Q5_K:
        case FLASH_HEAD_DENSE_Q6_K: return true;
        default:                    return false;
    }
}

// Columns of a block, by type; 1: a float type.
ALWAYS_INLINE int64_t dense_block(int32_t type) {
    switch (type) {
        case FLASH_HEAD_DENSE_F32:
        case FLASH_HEAD_DENSE_F16:
        case FLASH_HEAD_DENSE_BF16: return 1;
        case FLASH_HEAD_DENSE_Q4_K:
        case FLASH_HEAD_DENSE_Q5_K:
        case FLASH_HEAD_DENSE_Q6_K: return 256;
        default:                    return 32;
    }
}

// Columns that share a scale.
ALWAYS_INLINE int64_t dense_part(int32_t type) {
    return type == FLASH_HEAD_DENSE_Q6_K ? 16 : 32;
}

// What is added to a type's values, so that bytes are unsigned; and the greatest byte.
ALWAYS_INLINE int dense_offset(int32_t type) {
    switch (type) {
        case FLASH_HEAD_DENSE_Q8_0: return 128;
        case FLASH_HEAD_DENSE_Q4_0: return 8;
        case FLASH_HEAD_DENSE_Q5_0: return 16;
        case FLASH_HEAD_DENSE_Q6_K: return 32;
        default:                    return 0;
    }
}
ALWAYS_INLINE int dense_greatest(int32_t type) {
    switch (type) {
        case FLASH_HEAD_DENSE_Q8_0: return 255;
        case FLASH_HEAD_DENSE_Q4_0:
        case FLASH_HEAD_DENSE_Q4_1:
        case FLASH_HEAD_DENSE_Q4_K: return 15;
        case FLASH_HEAD_DENSE_Q6_K: return 63;
        default:                    return 31;
    }
}

ALWAYS_INLINE bool dense_has_minimums(int32_t type) {
    return type == FLASH_HEAD_DENSE_Q4_1 || type == FLASH_HEAD_DENSE_Q5_1 || type == FLASH_HEAD_DENSE_Q4_K
            || type == FLASH_HEAD_DENSE_Q5_K;
}
