// Kernels for Arm: ARMv8.2 dot products, if the compiler targets them. Compilers turn the other steps into vectors.

#include "flash-head-make.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>

// Adds the products of 16 columns to the sums of a panel.
#define ADD_COLUMNS(i) \
    totals[r][0] = vdotq_laneq_s32(totals[r][0], vld1q_s8(d + 32*i),      values, i); \
    totals[r][1] = vdotq_laneq_s32(totals[r][1], vld1q_s8(d + 32*i + 16), values, i);

static void project_neon(const uint8_t * rows, int n_fours, int64_t n_columns, const int8_t * directions,
        const int32_t * sums, int32_t n_directions, int32_t * out) {
    (void) sums;
    for (int f = 0; f < n_fours; f++, rows += 4*n_columns, out += 4*n_directions) {
        for (int32_t j = 0; j < n_directions; j += FLASH_HEAD_MAKE_PANEL) {
            const int8_t * d = directions + j*n_columns;
            int32x4_t totals[4][2];
            for (int32x4_t * total : totals) {
                total[0] = total[1] = vdupq_n_s32(0);
            }
            for (int64_t k = 0; k < n_columns; k += 16, d += 4*32) {
                for (int r = 0; r < 4; r++) {
                    const int8x16_t values = vreinterpretq_s8_u8(
                            vsubq_u8(vld1q_u8(rows + r*n_columns + k), vdupq_n_u8(FLASH_HEAD_MAKE_MIDDLE)));
                    ADD_COLUMNS(0)
                    ADD_COLUMNS(1)
                    ADD_COLUMNS(2)
                    ADD_COLUMNS(3)
                }
            }
            for (int r = 0; r < 4; r++) {
                vst1q_s32(out + r*n_directions + j,     totals[r][0]);
                vst1q_s32(out + r*n_directions + j + 4, totals[r][1]);
            }
        }
    }
}

int flash_head_make_kernels_arm(struct flash_head_make_kernels * list) {
    list[0].name    = "dot products";
    list[0].project = project_neon;
    return 1;
}

#else

int flash_head_make_kernels_arm(struct flash_head_make_kernels * list) {
    (void) list;
    return 0;
}

#endif
