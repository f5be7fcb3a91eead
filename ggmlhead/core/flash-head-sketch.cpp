#include "flash-head-sketch.h"

#include <math.h>
#include <string.h>

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

// The sums of one group, without scales. 16 bits hold the sum of 32 products of at most 8 * 127.
static inline __attribute__((always_inline)) void sum_group(const uint8_t * lines, int32_t rank, const int8_t * values, int32_t * out) {
    memset(out, 0, GROUP*sizeof(*out));
    for (int32_t begin = 0; begin < rank; begin += 32) {
        const int32_t end = begin + 32 < rank ? begin + 32 : rank;
        int16_t sums[GROUP] = {};
        for (int32_t j = begin; j < end; j += 2) {
            const int16_t low = values[j], high = values[j + 1];
            for (int t = 0; t < GROUP; t++) {
                const uint8_t byte = lines[j/2*GROUP + t];
                sums[t] = (int16_t) (sums[t] + (int16_t) ((byte & 15) - 8)*low + (int16_t) ((byte >> 4) - 8)*high);
            }
        }
        for (int t = 0; t < GROUP; t++) {
            out[t] += sums[t];
        }
    }
}

static inline __attribute__((always_inline)) void estimate(
        const void * sketch, int32_t rank, const struct flash_head_code * code, int64_t begin, int64_t end, float * out) {
    const size_t group_size = flash_head_sketch_group_size(rank);
    for (int64_t first = begin/GROUP*GROUP; first < end; first += GROUP) {
        const uint8_t * group = (const uint8_t *) sketch + first/GROUP*group_size;

        int32_t  sums[GROUP];
        uint16_t scales[GROUP];
        float    values[GROUP];
        memcpy(scales, group, sizeof(scales));
        sum_group(group + sizeof(scales), rank, code->values, sums);
        for (int t = 0; t < GROUP; t++) {
            values[t] = (float) sums[t]*code->scale*flash_head_sketch_scale(scales[t]);
        }
        if (first >= begin && first + GROUP <= end) {
            memcpy(out + (first - begin), values, sizeof(values));
            continue;
        }
        for (int64_t i = first < begin ? begin : first; i < first + GROUP && i < end; i++) {
            out[i - begin] = values[i - first];
        }
    }
}

#if defined(__x86_64__) && !defined(__AVX2__)
// built for any x86-64, as the plug-in is: AVX2 halves the time where the processor has it
__attribute__((target("avx2"))) static void estimate_avx2(
        const void * sketch, int32_t rank, const struct flash_head_code * code, int64_t begin, int64_t end, float * out) {
    estimate(sketch, rank, code, begin, end, out);
}
#endif

void flash_head_sketch_estimate(const void * sketch, int32_t rank, const struct flash_head_code * code, int64_t begin, int64_t end, float * out) {
#if defined(__x86_64__) && !defined(__AVX2__)
    if (__builtin_cpu_supports("avx2")) {
        return estimate_avx2(sketch, rank, code, begin, end, out);
    }
#endif
    estimate(sketch, rank, code, begin, end, out);
}
