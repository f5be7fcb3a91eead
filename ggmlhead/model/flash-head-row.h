#pragma once

#include "ggml.h"

#include <stdint.h>
#include <string.h>

// Decodes n values, whole rows of one or more, of a type that ggml can dequantise.
static inline void flash_head_to_float(enum ggml_type type, const void * rows, float * out, int64_t n) {
    if (type == GGML_TYPE_F32) {
        memcpy(out, rows, n*sizeof(float));
    } else {
        ggml_get_type_traits(type)->to_float(rows, out, n);
    }
}
