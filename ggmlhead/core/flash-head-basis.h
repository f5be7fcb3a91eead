#pragma once

// The parts of a basis (flash-head-codes.h). Private to the core and to those who make one.

#include "flash-head-codes.h"

template <typename T> struct flash_head_basis_parts {
    T * n_lines;    // [4]
    T * bits;       // [n_directions]
    T * projection; // [n_embd][n_directions]
    T * variances;  // [2][n_embd]
    T * columns;    // [slots]
    T * steps;      // [slots]
};

template <typename T> FLASH_HEAD_FUNCTION flash_head_basis_parts<T> flash_head_basis_at(T * basis, int64_t n_embd,
        int32_t n_directions, int32_t fine_bytes) {
    flash_head_basis_parts<T> parts;
    parts.n_lines    = basis;
    parts.bits       = parts.n_lines    + 4;
    parts.projection = parts.bits       + n_directions;
    parts.variances  = parts.projection + n_embd*n_directions;
    parts.columns    = parts.variances  + 2*n_embd;
    parts.steps      = parts.columns    + flash_head_fine_max_slots(fine_bytes);
    return parts;
}
