#include "flash-head-centroids.h"

// a block of ggml's Q8_0: an F16 scale, then the values
static const size_t Q8_0_SIZE = sizeof(uint16_t) + FLASH_HEAD_BLOCK_COLUMNS;

void flash_head_centroids_unpack(const void * activations, int64_t n_embd, struct flash_head_rounded * rounded) {
    const uint8_t * block = (const uint8_t *) activations;
    for (int64_t b = 0; b < n_embd/FLASH_HEAD_BLOCK_COLUMNS; b++, block += Q8_0_SIZE) {
        uint16_t scale;
        memcpy(&scale, block, sizeof(scale));
        int8_t * values = rounded->values + b*FLASH_HEAD_BLOCK_COLUMNS;
        memcpy(values, block + sizeof(scale), FLASH_HEAD_BLOCK_COLUMNS);

        int32_t sum = 0;
        for (int i = 0; i < FLASH_HEAD_BLOCK_COLUMNS; i++) {
            sum += values[i];
        }
        rounded->scales [b] = flash_head_half_to_float(scale);
        rounded->offsets[b] = -8*sum;
    }
}
