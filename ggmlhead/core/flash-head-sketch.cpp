#include "flash-head-sketch.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

static const int GROUP = FLASH_HEAD_SKETCH_GROUP;

void flash_head_sketch_encode(const float * activations, int32_t rank, const float * x, int64_t n_embd, struct flash_head_code * code) {
    float sums[FLASH_HEAD_SKETCH_MAX_RANK] = {};
    for (int64_t i = 0; i < n_embd; i++) {
        for (int32_t j = 0; j < rank; j++) {
            sums[j] += x[i]*activations[i*rank + j];
        }
    }
    float most = 0.0f;
    for (int32_t j = 0; j < rank; j++) {
        most = fabsf(sums[j]) > most ? fabsf(sums[j]) : most;
    }
    const bool sound = most > 0.0f && isfinite(most); // else there is nothing to estimate with
    code->scale = sound ? most/127.0f : 0.0f;
    for (int32_t j = 0; j < rank; j++) {
        code->values[j] = sound ? (int8_t) roundf(sums[j]/code->scale) : 0;
    }
}

// values [GROUP]: a group's part of the estimates. offset is 8 times the sum of the code's values: the factors lie there plus 8.
typedef void (*estimate_group_t)(const uint8_t * group, int32_t rank, const struct flash_head_code * code, int32_t offset, float * values);

static void estimate_group(const uint8_t * group, int32_t rank, const struct flash_head_code * code, int32_t offset, float * values) {
    const uint8_t * lines = group + GROUP*sizeof(uint16_t);
    int32_t  sums[GROUP] = {};
    uint16_t scales[GROUP];
    for (int32_t line = 0; line < rank/2; line++) {
        for (int t = 0; t < GROUP; t++) {
            const uint8_t byte = lines[line*GROUP + t];
            sums[t] += (byte & 15)*code->values[2*line] + (byte >> 4)*code->values[2*line + 1];
        }
    }
    memcpy(scales, group, sizeof(scales));
    for (int t = 0; t < GROUP; t++) {
        values[t] = (float) (sums[t] - offset)*code->scale*flash_head_sketch_scale(scales[t]);
    }
}

#if defined(__x86_64__) && defined(__GNUC__)
// The same with AVX2, whatever the compiler was told to build for. The sums are whole numbers, so the values are the same.
__attribute__((target("avx2")))
static void estimate_group_avx2(const uint8_t * group, int32_t rank, const struct flash_head_code * code, int32_t offset, float * values) {
    const uint8_t * lines = group + GROUP*sizeof(uint16_t);
    const __m128i   low4  = _mm_set1_epi8(15);

    __m256i first = _mm256_set1_epi32(-offset), second = first; // sums of 8 tokens each
    for (int32_t begin = 0; begin < rank/2; begin += 8) {       // 16 bits hold 8 pairs of products of at most 15 * 127
        const int32_t end = begin + 8 < rank/2 ? begin + 8 : rank/2;
        __m256i sums = _mm256_setzero_si256();
        for (int32_t line = begin; line < end; line++) {
            int16_t pair;
            memcpy(&pair, code->values + 2*line, sizeof(pair));
            const __m128i bytes = _mm_loadu_si128((const __m128i *) (lines + line*GROUP));
            const __m128i low   = _mm_and_si128(bytes, low4);
            const __m128i high  = _mm_and_si128(_mm_srli_epi16(bytes, 4), low4);
            const __m256i pairs = _mm256_set_m128i(_mm_unpackhi_epi8(low, high), _mm_unpacklo_epi8(low, high));
            sums = _mm256_add_epi16(sums, _mm256_maddubs_epi16(pairs, _mm256_set1_epi16(pair)));
        }
        first  = _mm256_add_epi32(first,  _mm256_cvtepi16_epi32(_mm256_castsi256_si128(sums)));
        second = _mm256_add_epi32(second, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(sums, 1)));
    }
    const __m256 scale = _mm256_set1_ps(code->scale);
    for (int half = 0; half < 2; half++) {
        const __m256i upper  = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *) (group + half*GROUP)));
        const __m256  scales = _mm256_castsi256_ps(_mm256_slli_epi32(upper, 16));
        const __m256  sums   = _mm256_cvtepi32_ps(half == 0 ? first : second);
        _mm256_storeu_ps(values + half*GROUP/2, _mm256_mul_ps(_mm256_mul_ps(sums, scale), scales));
    }
}
#endif

static estimate_group_t estimate_group_here() {
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_supports("avx2")) {
        return estimate_group_avx2;
    }
#endif
    return estimate_group;
}

void flash_head_sketch_estimate(const void * sketch, int32_t rank, const struct flash_head_code * code, int64_t begin, int64_t end, float * out) {
    const estimate_group_t estimate = estimate_group_here();
    const size_t group_size = flash_head_sketch_group_size(rank);

    int32_t offset = 0;
    for (int32_t j = 0; j < rank; j++) {
        offset += 8*code->values[j];
    }
    for (int64_t first = begin/GROUP*GROUP; first < end; first += GROUP) {
        const uint8_t * group = (const uint8_t *) sketch + first/GROUP*group_size;
        if (first >= begin && first + GROUP <= end) {
            estimate(group, rank, code, offset, out + (first - begin));
            continue;
        }
        float values[GROUP];
        estimate(group, rank, code, offset, values);
        for (int64_t i = first < begin ? begin : first; i < first + GROUP && i < end; i++) {
            out[i - begin] = values[i - first];
        }
    }
}
