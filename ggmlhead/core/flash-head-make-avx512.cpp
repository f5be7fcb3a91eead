// Kernels for x86-64 with AVX-512 and its dot products, chosen at run time whatever the compiler targets.

#include "flash-head-make-lanes.h"

#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wuninitialized" // GCC 12's own header (its bug 105593)
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#define TARGET_AVX512 __attribute__((target("avx2,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

static const int PANEL = FLASH_HEAD_MAKE_PANEL;
static const int BLOCK = 32; // columns of a block of tables: a vector of 16-bit numbers

TARGET_AVX512 static inline __m512i two_panels(const void * p, int64_t distance) {
    const __m256i first = _mm256_loadu_si256((const __m256i *) p);
    return _mm512_inserti64x4(_mm512_castsi256_si512(first),
            _mm256_loadu_si256((const __m256i *) ((const char *) p + distance)), 1);
}

TARGET_AVX512 static inline __m512i four_columns(const uint8_t * p) {
    int32_t four;
    memcpy(&four, p, sizeof(four));
    return _mm512_set1_epi32(four);
}

// Products of four rows with N pairs of panels. A pair may have its first panel only.
template <int N> TARGET_AVX512 static inline void project_panels(const uint8_t * rows, int64_t n_columns,
        const int8_t * directions, const int32_t * sums, int32_t n_directions, int32_t * out, bool pair = true) {
    const int64_t   panel = PANEL*n_columns, second = pair ? panel : 0;
    const __mmask16 used  = pair ? 0xffff : 0x00ff;
    __m512i totals[4][N];
    for (int p = 0; p < N; p++) {
        // values lie 32 above what they stand for
        const __m512i offsets = _mm512_slli_epi32(_mm512_maskz_loadu_epi32(used, sums + 2*PANEL*p), 5);
        for (int r = 0; r < 4; r++) {
            totals[r][p] = _mm512_sub_epi32(_mm512_setzero_si512(), offsets);
        }
    }
    for (int64_t k = 0; k < n_columns; k += 4, directions += 4*PANEL) {
        __m512i d[N];
        for (int p = 0; p < N; p++) {
            d[p] = two_panels(directions + 2*panel*p, second);
        }
        for (int r = 0; r < 4; r++) {
            const __m512i four = four_columns(rows + r*n_columns + k);
            for (int p = 0; p < N; p++) {
                totals[r][p] = _mm512_dpbusd_epi32(totals[r][p], four, d[p]);
            }
        }
    }
    for (int r = 0; r < 4; r++) {
        for (int p = 0; p < N; p++) {
            _mm512_mask_storeu_epi32(out + r*n_directions + 2*PANEL*p, used, totals[r][p]);
        }
    }
}

TARGET_AVX512 static void project_avx512(const uint8_t * rows, int n_fours, int64_t n_columns,
        const int8_t * directions, const int32_t * sums, int32_t n_directions, int32_t * out) {
    for (int f = 0; f < n_fours; f++, rows += 4*n_columns, out += 4*n_directions) {
        int32_t j = 0;
        for (; j + 6*PANEL <= n_directions; j += 6*PANEL) {
            project_panels<3>(rows, n_columns, directions + j*n_columns, sums + j, n_directions, out + j);
        }
        for (; j + 2*PANEL <= n_directions; j += 2*PANEL) {
            project_panels<1>(rows, n_columns, directions + j*n_columns, sums + j, n_directions, out + j);
        }
        if (j < n_directions) {
            project_panels<1>(rows, n_columns, directions + j*n_columns, sums + j, n_directions, out + j, false);
        }
    }
}

TARGET_AVX512 static bool read_avx512(const uint8_t * row, const uint8_t * centroid, int64_t n_blocks, float * out) {
    return read_row(row, centroid, n_blocks, out);
}

TARGET_AVX512 static float round_row_avx512(float * row, const float * per_size, int64_t n, uint8_t * out) {
    return round_row(row, per_size, n, out);
}

TARGET_AVX512 static float round_avx512(const flash_head_rounding * how, const int32_t * products, const float * units,
        float unit, float * values, int32_t * numbers, float * decoded) {
    return round_coarse(how, products, units, unit, values, numbers, decoded);
}

TARGET_AVX512 static void decode_avx512(const uint8_t * codes, int n, int32_t n_lines, const int16_t * tables,
        int64_t n_columns, int16_t * out, int64_t stride) {
    decode<BLOCK>(codes, n, n_lines, tables, n_columns, out, stride);
}

TARGET_AVX512 static float finish_avx512(float * row, const int16_t * sums, const float * units, float scale,
        const flash_head_rounding * fine, int32_t * numbers, float * decoded, float * squares) {
    return finish(row, sums, units, scale, fine, numbers, decoded, squares);
}

bool flash_head_make_kernels_avx512(struct flash_head_make_kernels * kernels) {
    if (!__builtin_cpu_supports("avx512vnni") || !__builtin_cpu_supports("avx512bw")
            || !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq")) {
        return false;
    }
    *kernels = { "AVX-512 VNNI", read_avx512, round_row_avx512, project_avx512, round_avx512, BLOCK, decode_avx512,
        finish_avx512 };
    return true;
}

#else

bool flash_head_make_kernels_avx512(struct flash_head_make_kernels * kernels) {
    (void) kernels;
    return false;
}

#endif
