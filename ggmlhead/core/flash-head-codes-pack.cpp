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

// The middle of the numbers of b bits: number q stands for q - MIDDLES[b].
static const float MIDDLES[FLASH_HEAD_MOST_BITS + 1] = { 0.0f, 0.5f, 1.5f, 3.5f, 7.5f, 15.5f };

// Rounds value to the number of its interval. Intervals are 1 wide, and half of them lie below 0. NaN gives 0.
static inline int32_t number_of(float value, float middle) {
    const float shifted = value + (middle + 0.5f);
    const float bounded = shifted > 0.0f ? shifted : 0.0f;
    const float most    = middle*2.0f;
    return (int32_t) (bounded < most ? bounded : most);
}

// Sums in lanes, which compilers turn into vectors.
struct lane_sums {
    static const int N = FLASH_HEAD_FINE_LINE;
    float lanes[N] = {};

    float sum() const {
        double total = 0.0;
        for (float lane : lanes) {
            total += lane;
        }
        return (float) total;
    }
};

// The root mean square of n values with this sum of squares, or 0 if it is not a usable number.
static float size_of(float squares, int32_t n) {
    const float size = n > 0 ? sqrtf(squares/(float) n) : 0.0f;
    return size > 0.0f && isfinite(size) ? size : 0.0f;
}

// The factor with which decoded is nearest to what was rounded, from their products: least squares.
static double fitted(double with_original, double with_itself) {
    return with_itself > 0.0 ? with_original/with_itself : 0.0;
}

float flash_head_coarse_round(const float * y, const float * bits, const float * steps, int32_t n_directions,
        uint8_t * q) {
    const int N = lane_sums::N;
    float values[FLASH_HEAD_MAX_DIRECTIONS + N] = {}, middles[FLASH_HEAD_MAX_DIRECTIONS + N] = {};
    float widths[FLASH_HEAD_MAX_DIRECTIONS + N] = {}; // steps, 0 for directions without bits
    float deviations[FLASH_HEAD_MAX_DIRECTIONS + N] = {};
    int32_t n = 0;
    for (int32_t j = 0; j < n_directions; j++) {
        const int b = (int) bits[j];
        if (b > 0 && steps[j] > 0.0f) {
            values[j]     = y[j]/steps[j];
            middles[j]    = MIDDLES[b];
            widths[j]     = steps[j];
            deviations[j] = values[j]*flash_head_step_of(b);
            n++;
        }
    }
    lane_sums squares;
    for (int32_t j = 0; j < n_directions; j += N) {
        for (int i = 0; i < N; i++) {
            squares.lanes[i] += deviations[j + i]*deviations[j + i];
        }
    }
    // the token's own size: a root mean square in units of the mean token's, in which steps are
    const float size = size_of(squares.sum(), n);
    if (size == 0.0f) {
        memset(q, 0, n_directions);
        return 0.0f;
    }
    const float per_size = 1.0f/size;
    lane_sums with_original, with_itself;
    int32_t numbers[FLASH_HEAD_MAX_DIRECTIONS + N];
    for (int32_t j = 0; j < n_directions; j += N) {
        for (int i = 0; i < N; i++) {
            const int32_t number  = number_of(values[j + i]*per_size, middles[j + i]);
            const float   decoded = ((float) number - middles[j + i])*widths[j + i];
            numbers[j + i] = number;
            with_original.lanes[i] += decoded*values[j + i]*widths[j + i];
            with_itself  .lanes[i] += decoded*decoded;
        }
    }
    for (int32_t j = 0; j < n_directions; j++) {
        q[j] = (uint8_t) numbers[j];
    }
    return rounded_scale(fitted(with_original.sum(), with_itself.sum()));
}

void flash_head_coarse_put(uint8_t * group, int t, const float * bits, int32_t n_directions, const uint8_t * q,
        float scale) {
    const uint16_t upper = upper_of(scale);
    memcpy(group + t*sizeof(upper), &upper, sizeof(upper));
    uint8_t * line  = group + FLASH_HEAD_COARSE_GROUP*sizeof(uint16_t) + t % FLASH_HEAD_COARSE_LINE;
    const int shift = t/FLASH_HEAD_COARSE_LINE*4;
    uint32_t four = 0; // bits of a line, the first one lowest
    int      n    = 0;
    for (int32_t j = 0; j < n_directions; j++) {
        for (int k = (int) bits[j] - 1; k >= 0; k--) {
            four |= (uint32_t) (q[j] >> k & 1) << n++;
            if (n == 4) {
                *line |= (uint8_t) (four << shift);
                line  += FLASH_HEAD_COARSE_LINE;
                four = n = 0;
            }
        }
    }
}

float flash_head_fine_round(const float * residual, int64_t n_embd, const int32_t * n_lines, const float * columns,
        const float * steps, uint8_t * code, float * decoded) {
    const int N = FLASH_HEAD_FINE_LINE; // slots are taken N at a time: each has one byte of a line
    float values[8*FLASH_HEAD_FINE_MAX_BYTES]; // of slots; then as decoded
    memset(code, 0, (n_lines[0] + n_lines[1] + n_lines[2])*FLASH_HEAD_FINE_LINE);
    std::fill_n(decoded, n_embd, 0.0f);

    lane_sums squares;
    int32_t n_slots = 0, n = 0;
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        const float   of_width = flash_head_step_of(FLASH_HEAD_FINE_BITS[w]);
        const int32_t end      = n_slots + n_lines[w]*(8*FLASH_HEAD_FINE_LINE/FLASH_HEAD_FINE_BITS[w]);
        for (; n_slots < end; n_slots += N) {
            float * value = values + n_slots;
            for (int i = 0; i < N; i++) {
                const float column = columns[n_slots + i];
                value[i] = column >= 0.0f ? residual[(int32_t) column] : 0.0f;
                n += column >= 0.0f;
            }
            for (int i = 0; i < N; i++) {
                value[i] /= steps[n_slots + i] > 0.0f ? steps[n_slots + i] : 1.0f;
                squares.lanes[i] += value[i]*of_width*(value[i]*of_width);
            }
        }
    }
    const float size = size_of(squares.sum(), n);
    if (size == 0.0f) {
        return 0.0f;
    }
    const float per_size = 1.0f/size;
    lane_sums with_original, with_itself;
    int32_t s = 0;
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        const int   bits   = FLASH_HEAD_FINE_BITS[w];
        const float middle = MIDDLES[bits];
        for (int32_t line = 0; line < n_lines[w]; line++, code += FLASH_HEAD_FINE_LINE) {
            for (int shift = 0; shift < 8; shift += bits, s += N) {
                uint8_t numbers[N];
                for (int i = 0; i < N; i++) {
                    const int32_t number = number_of(values[s + i]*per_size, middle);
                    const float   step   = steps[s + i];
                    const float   of_q   = ((float) number - middle)*step;
                    with_original.lanes[i] += of_q*values[s + i]*step;
                    with_itself  .lanes[i] += of_q*of_q;
                    values[s + i] = of_q;
                    numbers[i]    = (uint8_t) (step > 0.0f ? number : 0);
                }
                for (int i = 0; i < N; i++) {
                    code[i] |= (uint8_t) (numbers[i] << shift);
                }
            }
        }
    }
    const float scale = rounded_scale(fitted(with_original.sum(), with_itself.sum()));
    for (int32_t k = 0; k < n_slots; k++) {
        if (columns[k] >= 0.0f) {
            decoded[(int32_t) columns[k]] = values[k]*scale;
        }
    }
    return scale;
}
