#pragma once

// 4-bit values of 16 items side by side, so that one instruction serves all items. Centroids use it.
//
// Eight columns of a group form a line of 64 bytes. Byte 4*t + j of a line belongs to item t: the low half is column j
// of the line, the high half column 4 + j. Values are -8 .. 7 and stored plus 8.

#include "flash-head-function.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FLASH_HEAD_GROUP            16 // items of a group
#define FLASH_HEAD_LINE_COLUMNS      8
#define FLASH_HEAD_LINE_SIZE        64 // bytes
#define FLASH_HEAD_BLOCK_COLUMNS    32 // columns of centroids that share a scale, as in Q4_0
#define FLASH_HEAD_BLOCK_SIZE      288 // bytes of a block of a group: 16 scales of 16 bits, 4 lines
#define FLASH_HEAD_MAX_ROUNDED       4 // rows of activations that one pass over centroids serves

// Activations for centroids, of 8 bits in blocks of FLASH_HEAD_BLOCK_COLUMNS: column i is values[i] * scales[i/32].
struct flash_head_rounded {
    int8_t  * values;  // [n_embd]
    float   * scales;  // [n_embd/32]
    int32_t * offsets; // [n_embd/32]: -8 times the sum of a block's values
};

// Convert a BF16 scale, and an F16 scale, to float.
FLASH_HEAD_FUNCTION float flash_head_upper_to_float(uint16_t upper) {
    const uint32_t bits = (uint32_t) upper << 16;
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}
float flash_head_half_to_float(uint16_t half);

// Writes the value of item t and column `column` (-8 .. 7) to lines, which were zero.
static inline void flash_head_group_put(uint8_t * lines, int64_t column, int t, int value) {
    const int64_t j = column % FLASH_HEAD_LINE_COLUMNS;
    lines[column/FLASH_HEAD_LINE_COLUMNS*FLASH_HEAD_LINE_SIZE + 4*t + j % 4] |= (uint8_t) ((value + 8) << (j/4*4));
}

// The kernels for groups of one instruction set.
struct flash_head_group_kernels {
    const char * name;

    // n_groups groups of centroids with n_blocks blocks each: out[r][16*g + t] for each of n (1 ..
    // FLASH_HEAD_MAX_ROUNDED) rows x.
    void (*score)(const uint8_t * groups, int64_t n_groups, int64_t n_blocks, const struct flash_head_rounded * x,
            int n, float * const * out);
};

// The fastest kernels for this processor. All sum integers block by block, so their results differ in the last bits
// only.
const struct flash_head_group_kernels * flash_head_group_kernels_here(void);

// All kernels that this processor can run, and their number; for tests.
const struct flash_head_group_kernels * flash_head_group_kernels_all(int * n);

#ifdef __cplusplus
}
#endif
