#pragma once

// ggml's dot products for the core.

#include "flash-head.h"
#include "ggml-cpu.h"

// Dot products with rows of n_embd weights of this type, by the CPU library of get_traits.
inline flash_head_dot flash_head_dot_of(decltype(ggml_get_type_traits_cpu) * get_traits, ggml_type type,
        int64_t n_embd) {
    const ggml_type_traits_cpu * traits = get_traits(type);

    flash_head_dot dot;
    dot.vec_dot    = traits->vec_dot;
    dot.from_float = get_traits(traits->vec_dot_type)->from_float;
    dot.row_size   = ggml_row_size(type, n_embd);
    dot.act_size   = ggml_row_size(traits->vec_dot_type, n_embd);
    return dot;
}
