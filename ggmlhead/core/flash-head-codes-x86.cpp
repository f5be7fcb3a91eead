// Kernels for x86-64: AVX2, chosen at run time whatever the compiler targets. Those for AVX-512 are in
// flash-head-codes-avx512.cpp.

#include "flash-head-codes-kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define TARGET_AVX2 __attribute__((target("avx2,fma")))

// The low and the high half of each byte.
TARGET_AVX2 static inline __m256i low (__m256i line) { return _mm256_and_si256(line, _mm256_set1_epi8(15)); }
TARGET_AVX2 static inline __m256i high(__m256i line) {
    return _mm256_and_si256(_mm256_srli_epi16(line, 4), _mm256_set1_epi8(15));
}

// Sums of 32 bytes in 16 bits. `pairs` adds even bytes and, 256 times as much, odd ones; `odd` odd ones alone.
struct byte_sums {
    __m256i pairs, odd;
};

TARGET_AVX2 static inline void add_bytes(byte_sums * sums, __m256i bytes) {
    sums->pairs = _mm256_add_epi16(sums->pairs, bytes);
    sums->odd   = _mm256_add_epi16(sums->odd, _mm256_srli_epi16(bytes, 8));
}

TARGET_AVX2 static inline void store_sums(const byte_sums & sums, uint16_t * out) {
    const __m256i even  = _mm256_sub_epi16(sums.pairs, _mm256_slli_epi16(sums.odd, 8));
    const __m256i first = _mm256_unpacklo_epi16(even, sums.odd), second = _mm256_unpackhi_epi16(even, sums.odd);
    _mm256_storeu_si256((__m256i *) out,        _mm256_permute2x128_si256(first, second, 0x20));
    _mm256_storeu_si256((__m256i *) (out + 16), _mm256_permute2x128_si256(first, second, 0x31));
}

TARGET_AVX2 static void coarse_avx2(const uint8_t * lines, int32_t n_lines, const uint8_t (*tables)[16],
        uint16_t * sums) {
    byte_sums first  = { _mm256_setzero_si256(), _mm256_setzero_si256() };
    byte_sums second = first;
    for (int32_t i = 0; i < n_lines; i++) {
        const __m256i line  = _mm256_loadu_si256((const __m256i *) (lines + i*FLASH_HEAD_COARSE_LINE));
        const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *) tables[i]));
        add_bytes(&first,  _mm256_shuffle_epi8(table, low(line)));
        add_bytes(&second, _mm256_shuffle_epi8(table, high(line)));
    }
    store_sums(first,  sums);
    store_sums(second, sums + 32);
}

TARGET_AVX2 static void finish_avx2(const uint16_t * sums, const uint8_t * scales, float unit, float offset, float add,
        const int32_t * cluster, const float * scores, float * out) {
    const __m256 units = _mm256_set1_ps(unit), offsets = _mm256_set1_ps(offset), adds = _mm256_set1_ps(add);
    for (int t = 0; t < FLASH_HEAD_COARSE_GROUP; t += 8) {
        const __m256i sum   = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *) (sums + t)));
        const __m256i upper = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *) (scales + 2*t)));
        const __m256  scale = _mm256_castsi256_ps(_mm256_slli_epi32(upper, 16));
        const int32_t * c = cluster + t;
        const __m256  score = _mm256_setr_ps(scores[c[0]], scores[c[1]], scores[c[2]], scores[c[3]],
                scores[c[4]], scores[c[5]], scores[c[6]], scores[c[7]]); // faster than a gather on many processors
        const __m256  value = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), units), offsets);
        _mm256_storeu_ps(out + t, _mm256_add_ps(_mm256_mul_ps(scale, value), _mm256_add_ps(score, adds)));
    }
}

// The products of 32 slots with one field of a line, in pairs.
TARGET_AVX2 static inline __m256i field(__m256i line, int shift, int mask, const int8_t * slots) {
    const __m256i values = _mm256_and_si256(_mm256_srli_epi16(line, shift), _mm256_set1_epi8((char) mask));
    return _mm256_maddubs_epi16(values, _mm256_loadu_si256((const __m256i *) slots));
}

// Adds n lines with B bits a column. 16 bits hold the sum of a line: 16/B products of at most (2^B - 1)*127.
template <int B> TARGET_AVX2 static inline __m256i add_lines(__m256i total, const uint8_t ** code, int32_t n,
        const int8_t ** slots) {
    const int mask = (1 << B) - 1;
    for (int32_t line = 0; line < n; line++) {
        const __m256i bytes = _mm256_loadu_si256((const __m256i *) *code);
        __m256i sum = _mm256_setzero_si256();
        for (int f = 0; f < 8/B; f++) {
            sum = _mm256_add_epi16(sum, field(bytes, f*B, mask, *slots + f*FLASH_HEAD_FINE_LINE));
        }
        total  = _mm256_add_epi32(total, _mm256_madd_epi16(sum, _mm256_set1_epi16(1)));
        *code  += FLASH_HEAD_FINE_LINE;
        *slots += 8/B*FLASH_HEAD_FINE_LINE;
    }
    return total;
}

TARGET_AVX2 static int32_t fine_avx2(const uint8_t * code, const int32_t * n_lines, const int8_t * slots) {
    __m256i total = _mm256_setzero_si256();
    total = add_lines<4>(total, &code, n_lines[0], &slots);
    total = add_lines<2>(total, &code, n_lines[1], &slots);
    total = add_lines<1>(total, &code, n_lines[2], &slots);
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
    const __m128i two  = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}

TARGET_AVX2 static int64_t reach_avx2(const float * estimates, int64_t begin, int64_t end, float least,
        int32_t * list) {
    const __m256 leasts = _mm256_set1_ps(least);
    int64_t n = 0, v = begin;
    for (; v + 32 <= end; v += 32) {
        uint32_t reached = 0;
        for (int i = 0; i < 4; i++) {
            const __m256 e = _mm256_loadu_ps(estimates + v + 8*i);
            reached |= (uint32_t) _mm256_movemask_ps(_mm256_cmp_ps(e, leasts, _CMP_GE_OQ)) << 8*i;
        }
        for (; reached != 0; reached &= reached - 1) {
            list[n++] = (int32_t) v + __builtin_ctz(reached);
        }
    }
    return n + flash_head_reach(estimates, v, end, least, list + n);
}

int flash_head_code_kernels_x86(struct flash_head_code_kernels * list) {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        return 0;
    }
    const flash_head_code_kernels avx2 = { "AVX2", coarse_avx2, finish_avx2, fine_avx2, reach_avx2 };
    list[0] = avx2;
    const int n = flash_head_code_kernels_avx512(list) ? 1 : 0;
    list[n] = avx2;
    return n + 1;
}

#else

int flash_head_code_kernels_x86(struct flash_head_code_kernels * list) {
    (void) list;
    return 0;
}

#endif
