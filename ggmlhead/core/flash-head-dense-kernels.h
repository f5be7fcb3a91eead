#pragma once

// Kernels for the dense product, by instruction set. Private to the core; tests and benches choose among them.
//
// Rows of activations lie side by side: lane = row. A kernel unpacks FLASH_HEAD_DENSE_TILE rows of the weight, then
// broadcasts each of their values to all lanes. So neither the weight nor its blocks need transposing.

#include "flash-head-dense-types.h"
#include "flash-head-dense.h"

#include <stddef.h>
#include <stdint.h>

#define FLASH_HEAD_DENSE_TILE 8 // rows of the weight that a kernel takes at once

// What a kernel multiplies for a type of weight: a lane of 32 bits has one column as a float, two as integers of 16 bits, or
// four as bytes, of which an offset may make those of the weight unsigned.
struct flash_head_dense_form {
    int     columns; // 1, 2 or 4
    int32_t offset;  // of bytes
};

// Rows of the weight that a kernel takes at once, and where those begin that come next and may be prefetched.
struct flash_head_dense_rows {
    int32_t      type;
    const char * at[FLASH_HEAD_DENSE_TILE];
    const char * next;
    size_t       next_size; // bytes
};

// Rounded activations in vectors of `lanes` rows.
struct flash_head_dense_lanes {
    int           n_vectors;
    const void  * values;    // [n_vectors][D/columns][lanes][columns]
    const float * sums;      // [n_vectors][D/32][lanes]: of 32 columns, for types with minimums
    // for integers only, offsets for bytes only
    const float   * scales;  // [n_vectors][D/part][lanes]; a part of columns shares a scale
    const int32_t * offsets; // [n_vectors][D/part][lanes]: -offset times the sum of a part
};

struct flash_head_dense_kernels {
    const char * name;
    int lanes; // rows of activations in a vector

    // Fewer rows are done faster by vec_dot.
    int (*least_rows)(int32_t type);

    flash_head_dense_form (*form)(int32_t type);

    // Bytes of scratch memory of a thread, which is aligned to 64.
    size_t (*work_size)(int64_t n_embd);

    // out [FLASH_HEAD_DENSE_TILE][n_vectors*lanes]: products of the weight's rows with x
    void (*score)(const struct flash_head_dense_rows * rows, int64_t n_embd, const struct flash_head_dense_lanes * x,
            void * work, float * out);
};

// Each appends the kernels that this processor can run to list and returns their number.
int flash_head_dense_kernels_x86(struct flash_head_dense_kernels * list);
int flash_head_dense_kernels_arm(struct flash_head_dense_kernels * list);

// All kernels that this processor can run, the fastest first, and their number.
const struct flash_head_dense_kernels * flash_head_dense_kernels_all(int * n);

// For tests: from now on these kernels are used; NULL: none, but vec_dot. No call may be running.
void flash_head_dense_use(const struct flash_head_dense_kernels * kernels);
