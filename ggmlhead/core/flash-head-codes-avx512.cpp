// Kernels for x86-64 with AVX-512, chosen at run time whatever the compiler targets. Fine codes are read one by one
// from all over memory. Wider vectors gain nothing there (docs/benchmarks.md), so that kernel is AVX2's.

#include "flash-head-codes-kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wuninitialized" // GCC 12's own header (its bug 105593)
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#define TARGET_AVX512 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")))

// Sums of the low or the high halves of lines, by tokens: the first 32 bytes are of even lines, the others of odd ones.
// `pairs` adds even bytes and, 256 times as much, odd ones; `odd` odd ones alone.
struct half_sums {
    __m512i pairs, odd;
};

TARGET_AVX512 static inline void add_entries(half_sums * sums, __m512i table, __m512i halves) {
    const __m512i entries = _mm512_shuffle_epi8(table, _mm512_and_si512(halves, _mm512_set1_epi8(15)));
    sums->pairs = _mm512_add_epi16(sums->pairs, entries);
    sums->odd   = _mm512_add_epi16(sums->odd, _mm512_srli_epi16(entries, 8));
}

TARGET_AVX512 static inline __m256i both_halves(__m512i v) {
    return _mm256_add_epi16(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

TARGET_AVX512 static inline void store_sums(const half_sums & sums, uint16_t * out) {
    const __m256i odd   = both_halves(sums.odd);
    const __m256i even  = _mm256_sub_epi16(both_halves(sums.pairs), _mm256_slli_epi16(odd, 8));
    const __m256i first = _mm256_unpacklo_epi16(even, odd), second = _mm256_unpackhi_epi16(even, odd);
    _mm256_storeu_si256((__m256i *) out,        _mm256_permute2x128_si256(first, second, 0x20));
    _mm256_storeu_si256((__m256i *) (out + 16), _mm256_permute2x128_si256(first, second, 0x31));
}

TARGET_AVX512 static inline __m128i table_of(const uint8_t * table) {
    return _mm_loadu_si128((const __m128i *) table);
}

// Two lines at a time, each with its table.
TARGET_AVX512 static void coarse_avx512(const uint8_t * lines, int32_t n_lines, const uint8_t (*tables)[16],
        uint16_t * sums) {
    half_sums low = { _mm512_setzero_si512(), _mm512_setzero_si512() }, high = low;
    int32_t i = 0;
    for (; i + 2 <= n_lines; i += 2) {
        const __m512i two   = _mm512_loadu_si512(lines + i*FLASH_HEAD_COARSE_LINE);
        const __m512i table = _mm512_mask_broadcast_i32x4(_mm512_broadcast_i32x4(table_of(tables[i])), 0xff00,
                table_of(tables[i + 1]));
        add_entries(&low,  table, two);
        add_entries(&high, table, _mm512_srli_epi16(two, 4));
    }
    if (i < n_lines) { // beside the last line a table of zeros
        const __m512i one = _mm512_zextsi256_si512(
                _mm256_loadu_si256((const __m256i *) (lines + i*FLASH_HEAD_COARSE_LINE)));
        const __m512i table = _mm512_maskz_broadcast_i32x4(0x00ff, table_of(tables[i]));
        add_entries(&low,  table, one);
        add_entries(&high, table, _mm512_srli_epi16(one, 4));
    }
    store_sums(low,  sums);
    store_sums(high, sums + FLASH_HEAD_COARSE_LINE);
}

TARGET_AVX512 static __m512i sixteen(const void * p) {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *) p));
}

TARGET_AVX512 static void finish_avx512(const uint16_t * sums, const uint8_t * scales, float unit, float offset,
        float add, const int32_t * cluster, const float * scores, float * out) {
    const __m512 units = _mm512_set1_ps(unit), offsets = _mm512_set1_ps(offset), adds = _mm512_set1_ps(add);
    for (int t = 0; t < FLASH_HEAD_COARSE_GROUP; t += 16) {
        const __m512 scale = _mm512_castsi512_ps(_mm512_slli_epi32(sixteen(scales + 2*t), 16));
        const __m512 score = _mm512_i32gather_ps(_mm512_loadu_si512(cluster + t), scores, sizeof(float));
        const __m512 value = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sixteen(sums + t)), units), offsets);
        _mm512_storeu_ps(out + t, _mm512_add_ps(_mm512_mul_ps(scale, value), _mm512_add_ps(score, adds)));
    }
}

// Stores whole vectors, of which the next store overwrites what was not reached: list has a place for every token.
TARGET_AVX512 static int64_t reach_avx512(const float * estimates, int64_t begin, int64_t end, float least,
        int32_t * list) {
    const __m512 leasts = _mm512_set1_ps(least);
    __m512i tokens = _mm512_add_epi32(_mm512_set1_epi32((int32_t) begin),
            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    int64_t n = 0, v = begin;
    for (; v + 16 <= end; v += 16) {
        const __mmask16 reached = _mm512_cmp_ps_mask(_mm512_loadu_ps(estimates + v), leasts, _CMP_GE_OQ);
        _mm512_storeu_si512(list + n, _mm512_maskz_compress_epi32(reached, tokens));
        n     += __builtin_popcount(reached);
        tokens = _mm512_add_epi32(tokens, _mm512_set1_epi32(16));
    }
    return n + flash_head_reach(estimates, v, end, least, list + n);
}

bool flash_head_code_kernels_avx512(struct flash_head_code_kernels * kernels) {
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl")
            || !__builtin_cpu_supports("avx512dq")) {
        return false;
    }
    kernels->name   = "AVX-512";
    kernels->coarse = coarse_avx512;
    kernels->finish = finish_avx512;
    kernels->reach  = reach_avx512;
    return true;
}

#else

bool flash_head_code_kernels_avx512(struct flash_head_code_kernels * kernels) {
    (void) kernels;
    return false;
}

#endif
