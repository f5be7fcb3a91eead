// Makes codes. A separate file, because hosts do this in another library than estimating.

#include "flash-head-codes-kernels.h"
#include "flash-head-group.h"

#include <algorithm>
#include <math.h>

// the nearest BF16 value
static uint16_t upper_of(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    return (uint16_t) ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// A scale as it is kept; 0 if it is not a usable number.
static float rounded_scale(double scale) {
    const float value = flash_head_upper_to_float(upper_of((float) scale));
    return isfinite(value) ? value : 0.0f;
}

// Rounds value/step to the middle of one of 2^bits intervals, the first from -2^(bits - 1) on.
static uint8_t round_uniformly(float value, int bits) {
    const float half = (float) (1 << (bits - 1));
    const float low  = floorf(value);
    return (uint8_t) ((low >= half - 1.0f ? half - 1.0f : low >= -half ? low : -half) + half); // NaN is the lowest
}

static float middle_of(uint8_t q, int bits) {
    return (float) q - (float) ((1 << bits) - 1)*0.5f;
}

// The factor with which decoded is nearest to what was rounded, from their products: least squares.
static double fitted(double with_original, double with_itself) {
    return with_itself > 0.0 ? with_original/with_itself : 0.0;
}

float flash_head_coarse_round(const float * y, const float * bits, const float * steps, int32_t n_directions,
        uint8_t * q) {
    // the token's own size: a root mean square in units of the mean token's, in which steps are
    double  squares = 0.0;
    int32_t n       = 0;
    for (int32_t j = 0; j < n_directions; j++) {
        if (bits[j] > 0.0f && steps[j] > 0.0f) {
            squares += (double) (y[j]/steps[j])*(y[j]/steps[j])*flash_head_step_of((int) bits[j])
                    *flash_head_step_of((int) bits[j]);
            n++;
        }
    }
    const float size = n > 0 ? (float) sqrt(squares/n) : 0.0f;
    if (!(size > 0.0f && isfinite(size))) {
        memset(q, 0, n_directions);
        return 0.0f;
    }
    double with_original = 0.0, with_itself = 0.0;
    for (int32_t j = 0; j < n_directions; j++) {
        const int b = (int) bits[j];
        q[j] = b > 0 && steps[j] > 0.0f ? round_uniformly(y[j]/(size*steps[j]), b) : 0;
        const double decoded = b > 0 ? middle_of(q[j], b)*steps[j] : 0.0;
        with_original += decoded*y[j];
        with_itself   += decoded*decoded;
    }
    return rounded_scale(fitted(with_original, with_itself));
}

void flash_head_coarse_put(uint8_t * group, int t, const float * bits, int32_t n_directions, const uint8_t * q,
        float scale) {
    const uint16_t upper = upper_of(scale);
    memcpy(group + t*sizeof(upper), &upper, sizeof(upper));
    uint8_t * lines = group + FLASH_HEAD_COARSE_GROUP*sizeof(uint16_t);
    const int byte  = t % FLASH_HEAD_COARSE_LINE, shift = t/FLASH_HEAD_COARSE_LINE*4;
    int32_t at = 0;
    for (int32_t j = 0; j < n_directions; j++) {
        for (int k = (int) bits[j] - 1; k >= 0; k--, at++) {
            lines[at/4*FLASH_HEAD_COARSE_LINE + byte] |= (uint8_t) ((q[j] >> k & 1) << (shift + at % 4));
        }
    }
}

float flash_head_fine_round(const float * residual, int64_t n_embd, const int32_t * n_lines, const float * columns,
        const float * steps, uint8_t * code, float * decoded) {
    memset(code, 0, (n_lines[0] + n_lines[1] + n_lines[2])*FLASH_HEAD_FINE_LINE);
    std::fill_n(decoded, n_embd, 0.0f);

    int32_t widths[FLASH_HEAD_FINE_WIDTHS + 1] = { 0 }; // slots before those of each width
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        widths[w + 1] = widths[w] + n_lines[w]*(8*FLASH_HEAD_FINE_LINE/FLASH_HEAD_FINE_BITS[w]);
    }
    double  squares = 0.0;
    int32_t n       = 0;
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        const float of_width = flash_head_step_of(FLASH_HEAD_FINE_BITS[w]);
        for (int32_t s = widths[w]; s < widths[w + 1]; s++) {
            if (columns[s] >= 0.0f && steps[s] > 0.0f) {
                const float value = residual[(int64_t) columns[s]]/steps[s]*of_width;
                squares += (double) value*value;
                n++;
            }
        }
    }
    const float size = n > 0 ? (float) sqrt(squares/n) : 0.0f;
    if (!(size > 0.0f && isfinite(size))) {
        return 0.0f;
    }
    double with_original = 0.0, with_itself = 0.0;
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        const int bits = FLASH_HEAD_FINE_BITS[w], per_line = 8*FLASH_HEAD_FINE_LINE/bits;
        for (int32_t s = widths[w]; s < widths[w + 1]; s++) {
            if (!(columns[s] >= 0.0f && steps[s] > 0.0f)) {
                continue;
            }
            const int64_t column = (int64_t) columns[s];
            const uint8_t q      = round_uniformly(residual[column]/(size*steps[s]), bits);
            const int32_t slot   = s - widths[w];
            uint8_t     * line   = code + slot/per_line*FLASH_HEAD_FINE_LINE;
            line[slot % FLASH_HEAD_FINE_LINE] |= (uint8_t) (q << (slot % per_line/FLASH_HEAD_FINE_LINE*bits));
            decoded[column] = middle_of(q, bits)*steps[s];
            with_original  += (double) decoded[column]*residual[column];
            with_itself    += (double) decoded[column]*decoded[column];
        }
        code += n_lines[w]*FLASH_HEAD_FINE_LINE;
    }
    const float scale = rounded_scale(fitted(with_original, with_itself));
    for (int64_t i = 0; i < n_embd; i++) {
        decoded[i] *= scale;
    }
    return scale;
}
