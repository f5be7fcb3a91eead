// Kernels for Arm: ARMv8.2 dot products, if the compiler targets them.

#include "flash-head-group-kernels.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#include <math.h>

static const int BLOCK_LINES = FLASH_HEAD_BLOCK_COLUMNS/FLASH_HEAD_LINE_COLUMNS;

static inline int8x16_t four_bytes(const int8_t * code) {
    int32_t bytes;
    memcpy(&bytes, code, sizeof(bytes));
    return vreinterpretq_s8_s32(vdupq_n_s32(bytes));
}

// sums, 4 items a vector, += (values + 8) of n_lines lines times code
static inline void add_lines(const uint8_t * lines, int n_lines, const int8_t * code, int32x4_t sums[4]) {
    for (int l = 0; l < n_lines; l++) {
        const int8x16_t first = four_bytes(code), second = four_bytes(code + 4);
        for (int q = 0; q < 4; q++) {
            const uint8x16_t line = vld1q_u8(lines + 16*q);
            sums[q] = vdotq_s32(sums[q], vreinterpretq_s8_u8(vandq_u8(line, vdupq_n_u8(15))), first);
            sums[q] = vdotq_s32(sums[q], vreinterpretq_s8_u8(vshrq_n_u8(line, 4)),            second);
        }
        lines += FLASH_HEAD_LINE_SIZE;
        code  += FLASH_HEAD_LINE_COLUMNS;
    }
}

static void score(const uint8_t * groups, int64_t n_groups, int64_t n_blocks, const struct flash_head_rounded * x,
        int n, float * const * out) {
    for (int64_t g = 0; g < n_groups; g++) {
        float32x4_t totals[FLASH_HEAD_MAX_ROUNDED][4];
        for (int r = 0; r < n; r++) {
            for (int q = 0; q < 4; q++) {
                totals[r][q] = vdupq_n_f32(0.0f);
            }
        }
        for (int64_t b = 0; b < n_blocks; b++) {
            for (int r = 0; r < n; r++) {
                int32x4_t sums[4];
                for (int q = 0; q < 4; q++) {
                    sums[q] = vdupq_n_s32(x[r].offsets[b]);
                }
                add_lines(groups + FLASH_HEAD_GROUP*sizeof(uint16_t), BLOCK_LINES,
                        x[r].values + b*FLASH_HEAD_BLOCK_COLUMNS, sums);
                for (int q = 0; q < 4; q++) {
                    const float32x4_t scales = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(groups + 8*q)));
                    totals[r][q] = vfmaq_f32(totals[r][q], vcvtq_f32_s32(sums[q]), vmulq_n_f32(scales, x[r].scales[b]));
                }
            }
            groups += FLASH_HEAD_BLOCK_SIZE;
        }
        for (int r = 0; r < n; r++) {
            for (int q = 0; q < 4; q++) {
                vst1q_f32(out[r] + g*FLASH_HEAD_GROUP + 4*q, totals[r][q]);
            }
        }
    }
}

int flash_head_group_kernels_arm(struct flash_head_group_kernels * list) {
    list[0] = { "dot products", score };
    return 1;
}

#else

int flash_head_group_kernels_arm(struct flash_head_group_kernels * list) {
    (void) list;
    return 0;
}

#endif
