#include "flash-head-group.h"

#include "flash-head-group-kernels.h"

#include <math.h>

float flash_head_half_to_float(uint16_t half) {
    // shift exponent and fraction to their place in a float; its exponent bias is greater by 112
    uint32_t bits = (uint32_t) (half & 0x7fff) << 13;
    float size;
    memcpy(&size, &bits, sizeof(size));
    size = (half & 0x7c00) == 0x7c00 ? (half & 0x3ff ? NAN : INFINITY) : size*0x1p112f;
    return half & 0x8000 ? -size : size;
}

// sums [16] += values of n_lines lines, each plus 8, times code
static void add_lines(const uint8_t * lines, int64_t n_lines, const int8_t * code, int32_t * sums) {
    for (int64_t line = 0; line < n_lines; line++) {
        for (int t = 0; t < FLASH_HEAD_GROUP; t++) {
            for (int j = 0; j < 4; j++) {
                const uint8_t byte = lines[4*t + j];
                sums[t] += (byte & 15)*code[j] + (byte >> 4)*code[4 + j];
            }
        }
        lines += FLASH_HEAD_LINE_SIZE;
        code  += FLASH_HEAD_LINE_COLUMNS;
    }
}

static void score(const uint8_t * groups, int64_t n_groups, int64_t n_blocks, const struct flash_head_rounded * x,
        int n, float * const * out) {
    for (int64_t g = 0; g < n_groups; g++) {
        float totals[FLASH_HEAD_MAX_ROUNDED][FLASH_HEAD_GROUP] = {};
        for (int64_t b = 0; b < n_blocks; b++) {
            uint16_t scales[FLASH_HEAD_GROUP];
            memcpy(scales, groups, sizeof(scales));
            for (int r = 0; r < n; r++) {
                int32_t sums[FLASH_HEAD_GROUP];
                for (int32_t & sum : sums) {
                    sum = x[r].offsets[b];
                }
                add_lines(groups + sizeof(scales), FLASH_HEAD_BLOCK_COLUMNS/FLASH_HEAD_LINE_COLUMNS,
                        x[r].values + b*FLASH_HEAD_BLOCK_COLUMNS, sums);
                for (int t = 0; t < FLASH_HEAD_GROUP; t++) {
                    totals[r][t] += (float) sums[t]*x[r].scales[b]*flash_head_half_to_float(scales[t]);
                }
            }
            groups += FLASH_HEAD_BLOCK_SIZE;
        }
        for (int r = 0; r < n; r++) {
            memcpy(out[r] + g*FLASH_HEAD_GROUP, totals[r], sizeof(totals[r]));
        }
    }
}

// Lists the kernels that this processor can run, the portable one last.
struct known_kernels {
    flash_head_group_kernels list[4];
    int n = 0;

    known_kernels() {
        n = flash_head_group_kernels_x86(list);
        n += flash_head_group_kernels_arm(list + n);
        list[n++] = { "plain", score };
    }
};

const struct flash_head_group_kernels * flash_head_group_kernels_all(int * n) {
    static const known_kernels known;
    *n = known.n;
    return known.list;
}

const struct flash_head_group_kernels * flash_head_group_kernels_here(void) {
    int n;
    return flash_head_group_kernels_all(&n);
}
