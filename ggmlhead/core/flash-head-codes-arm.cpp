// Kernels for Arm: ARMv8.2 dot products, if the compiler targets them.

#include "flash-head-codes-kernels.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>

static void coarse_neon(const uint8_t * lines, int32_t n_lines, const uint8_t (*tables)[16], uint16_t * sums) {
    uint16x8_t totals[8];
    for (uint16x8_t & total : totals) {
        total = vdupq_n_u16(0);
    }
    for (int32_t i = 0; i < n_lines; i++) {
        const uint8x16_t table = vld1q_u8(tables[i]);
        for (int half = 0; half < 2; half++) {
            const uint8x16_t line = vld1q_u8(lines + i*FLASH_HEAD_COARSE_LINE + 16*half);
            const uint8x16_t low  = vqtbl1q_u8(table, vandq_u8(line, vdupq_n_u8(15)));
            const uint8x16_t high = vqtbl1q_u8(table, vshrq_n_u8(line, 4));
            totals[2*half]     = vaddw_u8     (totals[2*half],     vget_low_u8(low));
            totals[2*half + 1] = vaddw_high_u8(totals[2*half + 1], low);
            totals[2*half + 4] = vaddw_u8     (totals[2*half + 4], vget_low_u8(high));
            totals[2*half + 5] = vaddw_high_u8(totals[2*half + 5], high);
        }
    }
    for (int i = 0; i < 8; i++) {
        vst1q_u16(sums + 8*i, totals[i]);
    }
}

static void finish_neon(const uint16_t * sums, const uint8_t * scales, float unit, float offset, float add,
        const int32_t * cluster, const float * scores, float * out) {
    for (int t = 0; t < FLASH_HEAD_COARSE_GROUP; t += 4) {
        const float       of_clusters[4] =
                { scores[cluster[t]], scores[cluster[t + 1]], scores[cluster[t + 2]], scores[cluster[t + 3]] };
        const float32x4_t scale = vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(scales + 2*t)), 16));
        const float32x4_t sum   = vcvtq_f32_u32(vmovl_u16(vld1_u16(sums + t)));
        const float32x4_t value = vaddq_f32(vmulq_n_f32(sum, unit), vdupq_n_f32(offset));
        vst1q_f32(out + t, vaddq_f32(vmulq_f32(scale, value), vaddq_f32(vld1q_f32(of_clusters), vdupq_n_f32(add))));
    }
}

// Adds n lines with B bits a column.
template <int B> static inline int32x4_t add_lines(int32x4_t total, const uint8_t ** code, int32_t n,
        const int8_t ** slots) {
    const uint8x16_t mask = vdupq_n_u8((1 << B) - 1);
    for (int32_t line = 0; line < n; line++) {
        for (int half = 0; half < 2; half++) {
            const uint8x16_t bytes = vld1q_u8(*code + 16*half);
            for (int f = 0; f < 8/B; f++) {
                const uint8x16_t values = vandq_u8(vshlq_u8(bytes, vdupq_n_s8((int8_t) (-f*B))), mask);
                total = vdotq_s32(total, vreinterpretq_s8_u8(values),
                        vld1q_s8(*slots + f*FLASH_HEAD_FINE_LINE + 16*half));
            }
        }
        *code  += FLASH_HEAD_FINE_LINE;
        *slots += 8/B*FLASH_HEAD_FINE_LINE;
    }
    return total;
}

static int32_t fine_neon(const uint8_t * code, const int32_t * n_lines, const int8_t * slots) {
    int32x4_t total = vdupq_n_s32(0);
    total = add_lines<4>(total, &code, n_lines[0], &slots);
    total = add_lines<2>(total, &code, n_lines[1], &slots);
    total = add_lines<1>(total, &code, n_lines[2], &slots);
    return vaddvq_s32(total);
}

static int64_t reach_neon(const float * estimates, int64_t begin, int64_t end, float least, int32_t * list) {
    const float32x4_t leasts = vdupq_n_f32(least);
    int64_t n = 0, v = begin;
    for (; v + 8 <= end; v += 8) {
        const uint32x4_t first  = vcgeq_f32(vld1q_f32(estimates + v), leasts);
        const uint32x4_t second = vcgeq_f32(vld1q_f32(estimates + v + 4), leasts);
        if (vmaxvq_u32(vorrq_u32(first, second)) != 0) {
            n += flash_head_reach(estimates, v, v + 8, least, list + n);
        }
    }
    return n + flash_head_reach(estimates, v, end, least, list + n);
}

int flash_head_code_kernels_arm(struct flash_head_code_kernels * list) {
    list[0] = { "dot product", coarse_neon, finish_neon, fine_neon, reach_neon };
    return 1;
}

#else

int flash_head_code_kernels_arm(struct flash_head_code_kernels * list) {
    (void) list;
    return 0;
}

#endif
