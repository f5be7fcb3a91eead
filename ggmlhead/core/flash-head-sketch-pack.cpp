// Packs a sketch. A separate file, because hosts do this in another library than estimating.

#include "flash-head-sketch.h"

#include <math.h>

// the nearest BF16 value
static uint16_t upper_of(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    return (uint16_t) ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Rounds x [n] to integers -8 .. 7 times the returned scale; the value of largest magnitude becomes -8.
static float round_factors(const float * x, int32_t n, int8_t * q) {
    float most = 0.0f;
    for (int32_t i = 0; i < n; i++) {
        most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
    }
    const float scale = flash_head_upper_to_float(upper_of(most/-8.0f));
    for (int32_t i = 0; i < n; i++) {
        const float value = scale != 0.0f ? roundf(x[i]/scale) : 0.0f;
        q[i] = (int8_t) (value >= 7.0f ? 7.0f : value >= -8.0f ? value : -8.0f); // NaN becomes -8
    }
    return scale;
}

void flash_head_sketch_pack(const float * factors, int32_t n, int32_t rank, void * group) {
    uint8_t * bytes = (uint8_t *) group;
    uint8_t * lines = bytes + FLASH_HEAD_GROUP*sizeof(uint16_t);
    memset(bytes, 0, flash_head_sketch_group_size(rank));
    for (int32_t t = 0; t < n; t++) {
        int8_t q[FLASH_HEAD_SKETCH_MAX_RANK];
        const uint16_t scale = upper_of(round_factors(factors + t*rank, rank, q));
        memcpy(bytes + t*sizeof(scale), &scale, sizeof(scale));
        for (int32_t j = 0; j < rank; j++) {
            flash_head_group_put(lines, j, t, q[j]);
        }
    }
}
