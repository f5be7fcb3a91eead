#include "flash-head-centroids.h"

#include <float.h>
#include <math.h>

// the nearest whole number; written so that it vectorises everywhere
static inline int32_t nearest(float f) { // |f| < 2^22
    const float   shifted = f + 12582912.0f; // 1.5 * 2^23: the last bit of the fraction is 1
    int32_t bits;
    memcpy(&bits, &shifted, sizeof(bits));
    return bits - 0x4b400000;
}

void flash_head_centroids_round(const float * x, int64_t n_embd, struct flash_head_rounded * rounded) {
    for (int64_t b = 0; b < n_embd/FLASH_HEAD_BLOCK_COLUMNS; b++) {
        const float * block = x + b*FLASH_HEAD_BLOCK_COLUMNS;

        float most = 0.0f;
        bool  sound = true;
        for (int i = 0; i < FLASH_HEAD_BLOCK_COLUMNS; i++) {
            const float size = fabsf(block[i]);
            most   = size > most ? size : most;
            sound &= size <= FLT_MAX; // not so for NaN
        }
        const float scale   = sound ? most/127.0f : NAN;
        const float inverse = sound && scale > 0.0f ? 1.0f/scale : 0.0f;
        int32_t sum = 0;
        if (sound && isfinite(inverse)) {
            for (int i = 0; i < FLASH_HEAD_BLOCK_COLUMNS; i++) {
                const int32_t value = nearest(block[i]*inverse);
                rounded->values[b*FLASH_HEAD_BLOCK_COLUMNS + i] = (int8_t) value;
                sum += value;
            }
        } else {
            memset(rounded->values + b*FLASH_HEAD_BLOCK_COLUMNS, 0, FLASH_HEAD_BLOCK_COLUMNS);
        }
        rounded->scales [b] = scale;
        rounded->offsets[b] = -8*sum;
    }
}
