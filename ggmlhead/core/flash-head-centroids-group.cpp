// Arranges centroids in groups. A separate file, because hosts do this in another library than scoring.

#include "flash-head-centroids.h"

// a block of ggml's Q4_0: an F16 scale, then columns 0 .. 15 in the low halves of bytes and 16 .. 31 in the high ones,
// each stored plus 8
static const size_t Q4_0_SIZE = sizeof(uint16_t) + FLASH_HEAD_BLOCK_COLUMNS/2;

static_assert(FLASH_HEAD_GROUP*Q4_0_SIZE == FLASH_HEAD_BLOCK_SIZE, "a group takes as much as its centroids");

void flash_head_centroids_group(const void * centroids, int64_t n_cluster, int64_t n_embd, void * groups) {
    const int64_t n_blocks = n_embd/FLASH_HEAD_BLOCK_COLUMNS;
    uint8_t * block = (uint8_t *) groups;
    for (int64_t first = 0; first < n_cluster; first += FLASH_HEAD_GROUP) {
        for (int64_t b = 0; b < n_blocks; b++, block += FLASH_HEAD_BLOCK_SIZE) {
            memset(block, 0, FLASH_HEAD_BLOCK_SIZE); // where there is no centroid, the scale is zero
            for (int t = 0; t < FLASH_HEAD_GROUP && first + t < n_cluster; t++) {
                const uint8_t * src    = (const uint8_t *) centroids + ((first + t)*n_blocks + b)*Q4_0_SIZE;
                const uint8_t * values = src + sizeof(uint16_t);
                memcpy(block + t*sizeof(uint16_t), src, sizeof(uint16_t));
                for (int i = 0; i < FLASH_HEAD_BLOCK_COLUMNS; i++) {
                    const int value = i < 16 ? values[i] & 15 : values[i - 16] >> 4;
                    flash_head_group_put(block + FLASH_HEAD_GROUP*sizeof(uint16_t), i, t, value - 8);
                }
            }
        }
    }
}
