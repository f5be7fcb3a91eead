// Kernels for x86-64: AVX2, chosen at run time whatever the compiler targets. Those for AVX-512 are in
// flash-head-make-avx512.cpp.

#include "flash-head-make-lanes.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define TARGET_AVX2 __attribute__((target("avx2")))

TARGET_AVX2 static inline __m256i load_256(const void * p) { return _mm256_loadu_si256((const __m256i *) p); }

static inline int32_t four_bytes(const uint8_t * p) {
    int32_t four;
    memcpy(&four, p, sizeof(four));
    return four;
}

// Rows store value + 32, so 32 times the sum of each direction of a panel is subtracted.
TARGET_AVX2 static inline __m256i offsets_avx2(const int32_t * sums) {
    return _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_slli_epi32(load_256(sums), 5));
}

// Sums of 16 columns fit in 16 bits, as pairs of columns: 8 products below 64*64.
TARGET_AVX2 static void project_avx2(const uint8_t * rows, int n_fours, int64_t n_columns, const int8_t * directions,
        const int32_t * sums, int32_t n_directions, int32_t * out) {
    const __m256i ones = _mm256_set1_epi16(1);
    for (int f = 0; f < n_fours; f++, rows += 4*n_columns, out += 4*n_directions) {
        for (int32_t j = 0; j < n_directions; j += FLASH_HEAD_MAKE_PANEL) {
            const int8_t * d = directions + j*n_columns;
            __m256i totals[4];
            for (__m256i & total : totals) {
                total = offsets_avx2(sums + j);
            }
            for (int64_t k = 0; k < n_columns; k += 16, d += 4*32) {
#pragma GCC unroll 4
                for (int r = 0; r < 4; r++) {
                    const uint8_t * row = rows + r*n_columns + k;
                    __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi32(four_bytes(row)), load_256(d));
#pragma GCC unroll 4
                    for (int i = 1; i < 4; i++) {
                        pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(
                                _mm256_set1_epi32(four_bytes(row + 4*i)), load_256(d + 32*i)));
                    }
                    totals[r] = _mm256_add_epi32(totals[r], _mm256_madd_epi16(pairs, ones));
                }
            }
            for (int r = 0; r < 4; r++) {
                _mm256_storeu_si256((__m256i *) (out + r*n_directions + j), totals[r]);
            }
        }
    }
}

TARGET_AVX2 static bool read_avx2(const uint8_t * row, const uint8_t * centroid, int64_t n_blocks, float * out) {
    return read_row(row, centroid, n_blocks, out);
}

TARGET_AVX2 static float round_row_avx2(float * row, const float * per_size, int64_t n, uint8_t * out) {
    return round_row(row, per_size, n, out);
}

TARGET_AVX2 static float round_avx2(const flash_head_rounding * how, const int32_t * products, const float * units,
        float unit, float * values, int32_t * numbers, float * decoded) {
    return round_coarse(how, products, units, unit, values, numbers, decoded);
}

TARGET_AVX2 static void decode_avx2(const uint8_t * codes, int n, int32_t n_lines, const int16_t * tables,
        int64_t n_columns, int16_t * out, int64_t stride) {
    decode<FLASH_HEAD_MAKE_BLOCK>(codes, n, n_lines, tables, n_columns, out, stride);
}

TARGET_AVX2 static float finish_avx2(float * row, const int16_t * sums, const float * units, float scale,
        const flash_head_rounding * fine, int32_t * numbers, float * decoded, float * squares) {
    return finish(row, sums, units, scale, fine, numbers, decoded, squares);
}

int flash_head_make_kernels_x86(struct flash_head_make_kernels * list) {
    if (!__builtin_cpu_supports("avx2")) {
        return 0;
    }
    const flash_head_make_kernels avx2 = { "AVX2", read_avx2, round_row_avx2, project_avx2, round_avx2,
        FLASH_HEAD_MAKE_BLOCK, decode_avx2, finish_avx2 };
    list[0] = avx2;
    const int n = flash_head_make_kernels_avx512(list) ? 1 : 0;
    list[n] = avx2;
    return n + 1;
}

#else

int flash_head_make_kernels_x86(struct flash_head_make_kernels * list) {
    (void) list;
    return 0;
}

#endif
