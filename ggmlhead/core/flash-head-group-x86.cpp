// Kernels for x86-64: AVX-512 VNNI and AVX2, chosen at run time whatever the compiler targets.

#include "flash-head-group-kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wuninitialized" // GCC 12's own header (its bug 105593)
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#define TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define TARGET_AVX2   __attribute__((target("avx2,f16c,fma")))

static const int BLOCK_LINES = FLASH_HEAD_BLOCK_COLUMNS/FLASH_HEAD_LINE_COLUMNS;

static inline int32_t four_bytes(const int8_t * code) {
    int32_t bytes;
    memcpy(&bytes, code, sizeof(bytes));
    return bytes;
}

//
// AVX-512: one item a 32-bit lane; an instruction multiplies and adds four columns of it
//

TARGET_AVX512 static inline __m512i low_512 (__m512i line) { return _mm512_and_si512(line, _mm512_set1_epi8(15)); }
TARGET_AVX512 static inline __m512i high_512(__m512i line) {
    return _mm512_and_si512(_mm512_srli_epi16(line, 4), _mm512_set1_epi8(15));
}

// N rows of activations share the unpacking of a line
template <int N> TARGET_AVX512 static void score_rows_avx512(
        const uint8_t * groups, int64_t n_groups, int64_t n_blocks, const struct flash_head_rounded * x,
        float * const * out) {
    for (int64_t g = 0; g < n_groups; g++) {
        __m512 totals[N];
        for (int r = 0; r < N; r++) {
            totals[r] = _mm512_setzero_ps();
        }
        for (int64_t b = 0; b < n_blocks; b++) {
            const __m512 scales = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) groups));
            __m512i low[BLOCK_LINES], high[BLOCK_LINES];
            for (int l = 0; l < BLOCK_LINES; l++) {
                const __m512i line = _mm512_loadu_si512(groups + FLASH_HEAD_GROUP*sizeof(uint16_t)
                        + l*FLASH_HEAD_LINE_SIZE);
                low [l] = low_512(line);
                high[l] = high_512(line);
            }
            for (int r = 0; r < N; r++) {
                const int8_t * code = x[r].values + b*FLASH_HEAD_BLOCK_COLUMNS;
                __m512i first = _mm512_set1_epi32(x[r].offsets[b]), second = _mm512_setzero_si512();
                for (int l = 0; l < BLOCK_LINES; l++) {
                    first  = _mm512_dpbusd_epi32(first,  low [l],
                            _mm512_set1_epi32(four_bytes(code + l*FLASH_HEAD_LINE_COLUMNS)));
                    second = _mm512_dpbusd_epi32(second, high[l],
                            _mm512_set1_epi32(four_bytes(code + l*FLASH_HEAD_LINE_COLUMNS + 4)));
                }
                const __m512 sums = _mm512_cvtepi32_ps(_mm512_add_epi32(first, second));
                totals[r] = _mm512_fmadd_ps(sums, _mm512_mul_ps(scales, _mm512_set1_ps(x[r].scales[b])), totals[r]);
            }
            groups += FLASH_HEAD_BLOCK_SIZE;
        }
        for (int r = 0; r < N; r++) {
            _mm512_storeu_ps(out[r] + g*FLASH_HEAD_GROUP, totals[r]);
        }
    }
}

//
// AVX2: half a group at a time. 16 bits hold the sum of 4 lines: 8 pairs of products of at most 15 * 127.
//

TARGET_AVX2 static inline __m256i low_256 (__m256i line) { return _mm256_and_si256(line, _mm256_set1_epi8(15)); }
TARGET_AVX2 static inline __m256i high_256(__m256i line) {
    return _mm256_and_si256(_mm256_srli_epi16(line, 4), _mm256_set1_epi8(15));
}

// of 8 items: the sums over n_lines <= 4 lines
TARGET_AVX2 static inline __m256i sum_lines_avx2(const uint8_t * lines, int n_lines, const int8_t * code) {
    __m256i sums = _mm256_setzero_si256();
    for (int l = 0; l < n_lines; l++) {
        const __m256i line = _mm256_loadu_si256((const __m256i *) (lines + l*FLASH_HEAD_LINE_SIZE));
        sums = _mm256_add_epi16(sums, _mm256_maddubs_epi16(low_256(line),
                _mm256_set1_epi32(four_bytes(code + l*FLASH_HEAD_LINE_COLUMNS))));
        sums = _mm256_add_epi16(sums, _mm256_maddubs_epi16(high_256(line),
                _mm256_set1_epi32(four_bytes(code + l*FLASH_HEAD_LINE_COLUMNS + 4))));
    }
    return _mm256_madd_epi16(sums, _mm256_set1_epi16(1));
}

TARGET_AVX2 static void score_avx2(const uint8_t * groups, int64_t n_groups, int64_t n_blocks,
        const struct flash_head_rounded * x, int n, float * const * out) {
    for (int64_t g = 0; g < n_groups; g++) {
        __m256 totals[FLASH_HEAD_MAX_ROUNDED][2];
        for (int r = 0; r < n; r++) {
            totals[r][0] = totals[r][1] = _mm256_setzero_ps();
        }
        for (int64_t b = 0; b < n_blocks; b++) {
            for (int half = 0; half < 2; half++) {
                const __m256    scales = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) (groups + half*16)));
                const uint8_t * lines  = groups + FLASH_HEAD_GROUP*sizeof(uint16_t) + half*32;
                for (int r = 0; r < n; r++) {
                    const __m256i sums = _mm256_add_epi32(_mm256_set1_epi32(x[r].offsets[b]),
                            sum_lines_avx2(lines, BLOCK_LINES, x[r].values + b*FLASH_HEAD_BLOCK_COLUMNS));
                    totals[r][half] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums),
                            _mm256_mul_ps(scales, _mm256_set1_ps(x[r].scales[b])), totals[r][half]);
                }
            }
            groups += FLASH_HEAD_BLOCK_SIZE;
        }
        for (int r = 0; r < n; r++) {
            _mm256_storeu_ps(out[r] + g*FLASH_HEAD_GROUP,     totals[r][0]);
            _mm256_storeu_ps(out[r] + g*FLASH_HEAD_GROUP + 8, totals[r][1]);
        }
    }
}

static void score_avx512(const uint8_t * groups, int64_t n_groups, int64_t n_blocks,
        const struct flash_head_rounded * x, int n, float * const * out) {
    switch (n) {
        case 1:  return score_rows_avx512<1>(groups, n_groups, n_blocks, x, out);
        case 2:  return score_rows_avx512<2>(groups, n_groups, n_blocks, x, out);
        case 3:  return score_rows_avx512<3>(groups, n_groups, n_blocks, x, out);
        default: return score_rows_avx512<4>(groups, n_groups, n_blocks, x, out);
    }
}

int flash_head_group_kernels_x86(struct flash_head_group_kernels * list) {
    int n = 0;
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512vl")) {
        list[n++] = { "AVX-512", score_avx512 };
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("fma")) {
        list[n++] = { "AVX2", score_avx2 };
    }
    return n;
}

#else

int flash_head_group_kernels_x86(struct flash_head_group_kernels * list) {
    (void) list;
    return 0;
}

#endif
