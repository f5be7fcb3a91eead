// Packs codes. A separate file, because hosts do this in another library than estimating.

#include "flash-head-codes-kernels.h"
#include "flash-head-make.h"

#include <string.h>

// Sets bit `to` of those bytes of a half line where number has the bits of mask. No branch, so that compilers make
// vectors of it.
static void put_bit(uint8_t * line, const uint8_t * numbers, uint8_t mask, int to) {
    for (int i = 0; i < FLASH_HEAD_COARSE_LINE; i++) {
        line[i] = (uint8_t) (line[i] | ((numbers[i] & mask) != 0 ? 1 << to : 0));
    }
}

void flash_head_coarse_put(uint8_t * group, const float * bits, int32_t n_directions, const int32_t * q, int64_t stride,
        int n, const float * scales) {
    for (int t = 0; t < n; t++) {
        uint32_t of_scale;
        memcpy(&of_scale, scales + t, sizeof(of_scale));
        const uint16_t upper = (uint16_t) (of_scale >> 16);
        memcpy(group + t*sizeof(upper), &upper, sizeof(upper));
    }
    uint8_t * line = group + FLASH_HEAD_COARSE_GROUP*sizeof(uint16_t);
    int at = 0; // bit of the line
    for (int32_t j = 0; j < n_directions; j++) {
        uint8_t numbers[FLASH_HEAD_COARSE_GROUP] = {};
        for (int t = 0; t < n && bits[j] > 0.0f; t++) {
            numbers[t] = (uint8_t) q[t*stride + j];
        }
        for (int k = (int) bits[j] - 1; k >= 0; k--) {
            put_bit(line, numbers,                          (uint8_t) (1 << k), at);
            put_bit(line, numbers + FLASH_HEAD_COARSE_LINE, (uint8_t) (1 << k), at + 4);
            if (++at == 4) {
                at = 0;
                line += FLASH_HEAD_COARSE_LINE;
            }
        }
    }
}

void flash_head_coarse_bits(const uint8_t * group, int32_t n_bits, int n, uint8_t * codes) {
    const uint8_t * lines   = group + FLASH_HEAD_COARSE_GROUP*sizeof(uint16_t);
    const int32_t   n_lines = n_bits/4;
    for (int t = 0; t < n; t++) {
        const int shift = t/FLASH_HEAD_COARSE_LINE*4;
        const uint8_t * byte = lines + t % FLASH_HEAD_COARSE_LINE;
        for (int32_t l = 0; l < n_lines; l++) {
            codes[t*n_lines + l] = (uint8_t) (byte[l*FLASH_HEAD_COARSE_LINE] >> shift << 4);
        }
    }
}

void flash_head_fine_put(const int32_t * n_lines, const int32_t * columns, const int32_t * numbers, uint8_t * code) {
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        const int bits = FLASH_HEAD_FINE_BITS[w];
        for (int32_t line = 0; line < n_lines[w]; line++, code += FLASH_HEAD_FINE_LINE) {
            uint64_t words[FLASH_HEAD_FINE_LINE/8] = {}; // eight bytes, none of which overflows
            for (int shift = 0; shift < 8; shift += bits, columns += FLASH_HEAD_FINE_LINE) {
                uint8_t of_slots[FLASH_HEAD_FINE_LINE];
#pragma GCC unroll 8
                for (int i = 0; i < FLASH_HEAD_FINE_LINE; i++) {
                    of_slots[i] = (uint8_t) numbers[columns[i]];
                }
                for (int i = 0; i < FLASH_HEAD_FINE_LINE/8; i++) {
                    uint64_t eight;
                    memcpy(&eight, of_slots + 8*i, sizeof(eight));
                    words[i] |= eight << shift;
                }
            }
            memcpy(code, words, sizeof(words));
        }
    }
}
