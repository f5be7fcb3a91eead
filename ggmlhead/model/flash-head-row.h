#pragma once

#include "ggml.h"

#include <stdint.h>
#include <string.h>

// Decodes n values, one or more whole rows. Types that ggml cannot dequantise give zeros: only a hostile file has them.
static inline void flash_head_to_float(enum ggml_type type, const void * rows, float * out, int64_t n) {
    const ggml_to_float_t to_float = ggml_get_type_traits(type)->to_float;
    if (type == GGML_TYPE_F32) {
        memcpy(out, rows, n*sizeof(float));
    } else if (to_float != nullptr) {
        to_float(rows, out, n);
    } else {
        memset(out, 0, n*sizeof(float));
    }
}
