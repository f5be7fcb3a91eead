#pragma once

// Products of rows with a few directions, for the codes. Host-independent.

#include <stdint.h>

// out [n][rank]: rows [n][n_embd] times directions [n_embd][rank], for any n and a rank that is a multiple of 8. Best
// with multiples of 4 rows, and a rank that is no multiple of 256. A row's result does not depend on the others. It differs
// slightly between instruction sets, which sum in other orders.
void flash_head_project(const float * rows, int32_t n, int64_t n_embd, const float * directions, int32_t rank,
        float * out);
