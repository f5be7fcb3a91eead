// Kernels for Arm: ARMv8.2 dot products, if the compiler targets them.

#include "flash-head-dense-unpack.h"
#include "flash-head-prefetch.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>

static const int LANES = 4;
static const int TILE  = FLASH_HEAD_DENSE_TILE;

// Converts a row of floats.
static void unpack_floats(int32_t type, const char * row, int64_t n, float * out) {
    int64_t c = 0;
    for (; type == FLASH_HEAD_DENSE_F16 && c + 4 <= n; c += 4) {
        vst1q_f32(out + c, vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8((const uint8_t *) row + 2*c))));
    }
    dense_floats(type, (const uint8_t *) row + c*(type == FLASH_HEAD_DENSE_F32 ? 4 : 2), n - c, out + c);
}

// rows t0 .. t0 + 3 of the tile times N vectors of activations from v on
template <int N> static void score_floats(const dense_tile & tile, int t0, int64_t n_embd,
        const flash_head_dense_lanes * x, int v, float * out) {
    const float * values = (const float *) x->values + v*n_embd*LANES;
    float32x4_t totals[4][N];
    for (int t = 0; t < 4; t++) {
        for (int k = 0; k < N; k++) {
            totals[t][k] = vdupq_n_f32(0.0f);
        }
    }
    for (int64_t c = 0; c < n_embd; c++) {
        for (int k = 0; k < N; k++) {
            const float32x4_t column = vld1q_f32(values + (k*n_embd + c)*LANES);
            for (int t = 0; t < 4; t++) {
                totals[t][k] = vfmaq_n_f32(totals[t][k], column, tile.floats[t0 + t][c]);
            }
        }
    }
    for (int t = 0; t < 4; t++) {
        for (int k = 0; k < N; k++) {
            vst1q_f32(out + ((t0 + t)*x->n_vectors + v + k)*LANES, totals[t][k]);
        }
    }
}

// Adds the products of columns 4*i .. 4*i + 3 of 16.
#define ADD_FOURS(i) \
    for (int k = 0; k < N; k++) { \
        const int8x16_t fours = vld1q_s8(values + (k*n_embd + c + 4*i)*LANES); \
        for (int t = 0; t < 4; t++) { \
            products[t][k] = vdotq_laneq_s32(products[t][k], fours, weights[t], i); \
        } \
    }

// the same in integers
template <int N> static void score_integers(const dense_tile & tile, int t0, int64_t n_embd, int64_t part,
        const flash_head_dense_lanes * x, int v, float * out) {
    const int64_t   n_parts = n_embd/part;
    const int8_t  * values  = (const int8_t *) x->values + v*n_embd*LANES;
    const float   * scales  = x->scales  + v*n_parts*LANES;
    const int32_t * offsets = x->offsets + v*n_parts*LANES;
    float32x4_t totals[4][N];
    for (int t = 0; t < 4; t++) {
        for (int k = 0; k < N; k++) {
            totals[t][k] = vdupq_n_f32(0.0f);
        }
    }
    for (int64_t e = 0; x->sums && e < n_embd/32; e++) {
        for (int k = 0; k < N; k++) {
            const float32x4_t sums = vld1q_f32(x->sums + ((v + k)*(n_embd/32) + e)*LANES);
            for (int t = 0; t < 4; t++) {
                totals[t][k] = vfmaq_n_f32(totals[t][k], sums, tile.mins[t0 + t][e]);
            }
        }
    }
    for (int64_t p = 0; p < n_parts; p++) {
        int32x4_t products[4][N];
        for (int t = 0; t < 4; t++) {
            for (int k = 0; k < N; k++) {
                products[t][k] = vld1q_s32(offsets + (k*n_parts + p)*LANES);
            }
        }
        for (int64_t c = p*part; c < (p + 1)*part; c += 16) {
            int8x16_t weights[4];
            for (int t = 0; t < 4; t++) {
                weights[t] = vreinterpretq_s8_u8(vld1q_u8(tile.bytes[t0 + t] + c));
            }
            ADD_FOURS(0)
            ADD_FOURS(1)
            ADD_FOURS(2)
            ADD_FOURS(3)
        }
        for (int t = 0; t < 4; t++) {
            for (int k = 0; k < N; k++) {
                const float32x4_t scale = vmulq_n_f32(vld1q_f32(scales + (k*n_parts + p)*LANES),
                        tile.scales[t0 + t][p]);
                totals[t][k] = vfmaq_f32(totals[t][k], vcvtq_f32_s32(products[t][k]), scale);
            }
        }
    }
    for (int t = 0; t < 4; t++) {
        for (int k = 0; k < N; k++) {
            vst1q_f32(out + ((t0 + t)*x->n_vectors + v + k)*LANES, totals[t][k]);
        }
    }
}

// Dot products are of signed bytes, which all types but Q8_0 fit into with their offset.
static flash_head_dense_form form(int32_t type) {
    return dense_block(type) == 1 ? flash_head_dense_form { 1, 0 }
                                  : flash_head_dense_form { 4, type == FLASH_HEAD_DENSE_Q8_0 ? 0 : dense_offset(type) };
}

static void unpack_integers(int32_t type, const char * const * rows, int64_t n_embd, const dense_tile & tile) {
    for (int t = 0; t < TILE; t++) {
        dense_unpack_row(type, rows[t], n_embd, tile.bytes[t], tile.scales[t], tile.mins[t]);
        for (int64_t c = 0; type == FLASH_HEAD_DENSE_Q8_0 && c < n_embd; c += 16) {
            dense_store(tile.bytes[t] + c, dense_load(tile.bytes[t] + c) ^ 128);
        }
    }
}

static void score(const struct flash_head_dense_rows * rows, int64_t n_embd, const struct flash_head_dense_lanes * x,
        void * work, float * out) {
    const dense_tile tile = dense_tile_at(work, n_embd);
    const bool integers = form(rows->type).columns > 1;
    flash_head_prefetch(rows->next, rows->next_size);
    if (integers) {
        unpack_integers(rows->type, rows->at, n_embd, tile);
    }
    for (int t = 0; !integers && t < TILE; t++) {
        unpack_floats(rows->type, rows->at[t], n_embd, tile.floats[t]);
    }
    for (int v = 0; v < x->n_vectors; v += 2) {
        const bool two = x->n_vectors - v > 1;
        for (int t = 0; t < TILE; t += 4) {
            if (integers) {
                (two ? score_integers<2> : score_integers<1>)(tile, t, n_embd, dense_part(rows->type), x, v, out);
            } else {
                (two ? score_floats<2> : score_floats<1>)(tile, t, n_embd, x, v, out);
            }
        }
    }
}

static int least_rows(int32_t type) {
    (void) type;
    return 3;
}

int flash_head_dense_kernels_arm(struct flash_head_dense_kernels * list) {
    list[0] = { "dot products", LANES, least_rows, form, dense_tile_size, score };
    return 1;
}

#else

int flash_head_dense_kernels_arm(struct flash_head_dense_kernels * list) {
    (void) list;
    return 0;
}

#endif
