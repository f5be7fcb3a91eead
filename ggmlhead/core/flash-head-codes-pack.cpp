// Makes codes. A separate file, because hosts do this in another library than estimating.
//
// Rounding is compiled twice on x86-64, for any processor and for those with AVX2, chosen at run time. Both give the
// same bytes: sums are in lanes, and nothing is fused.

#include "flash-head-codes-kernels.h"
#include "flash-head-group.h"

#include <algorithm>
#include <math.h>

#if defined(__GNUC__)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define NEVER_INLINE  static __attribute__((noinline))
#else
#define ALWAYS_INLINE static inline
#define NEVER_INLINE  static
#endif

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
ALWAYS_INLINE int32_t number_of(float value, float middle) {
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

ALWAYS_INLINE float coarse_round(const float * y, const float * bits, const float * steps, int32_t n_directions,
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

// Of their own, because compilers keep these few pointers in memory in a larger function.

NEVER_INLINE void gather(const float * from, const float * columns, int32_t n, float * to) {
    for (int32_t s = 0; s < n; s++) {
        to[s] = from[(int32_t) columns[s]];
    }
}

NEVER_INLINE void scatter(const float * from, float scale, const float * columns, int32_t n, float * to) {
    for (int32_t s = 0; s < n; s++) {
        to[(int32_t) columns[s]] = from[s]*scale;
    }
}

ALWAYS_INLINE float fine_round(const float * residual, int64_t n_embd, const int32_t * n_lines, const float * columns,
        const float * steps, uint8_t * code, float * decoded) {
    const int N = FLASH_HEAD_FINE_LINE; // slots are taken N at a time: each has one byte of a line
    float values[8*FLASH_HEAD_FINE_MAX_BYTES]; // of slots; then as decoded
    memset(code, 0, (n_lines[0] + n_lines[1] + n_lines[2])*FLASH_HEAD_FINE_LINE);
    std::fill_n(decoded, n_embd, 0.0f);

    int32_t n_slots = 0;
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        n_slots += n_lines[w]*(8*FLASH_HEAD_FINE_LINE/FLASH_HEAD_FINE_BITS[w]);
    }
    const int32_t n = (int32_t) (std::partition_point(columns, columns + n_slots,
            [](float column) { return column >= 0.0f; }) - columns);
    gather(residual, columns, n, values);
    std::fill(values + n, values + n_slots, 0.0f);
    for (int32_t s = 0; s < n_slots; s++) {
        values[s] /= steps[s] + (float) (steps[s] <= 0.0f); // an unused slot is 0/1
    }

    lane_sums squares;
    for (int32_t w = 0, s = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        const float of_width = flash_head_step_of(FLASH_HEAD_FINE_BITS[w]);
        for (const int32_t end = s + n_lines[w]*(8*FLASH_HEAD_FINE_LINE/FLASH_HEAD_FINE_BITS[w]); s < end; s += N) {
            for (int i = 0; i < N; i++) {
                const float deviation = values[s + i]*of_width;
                squares.lanes[i] += deviation*deviation;
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
    scatter(values, scale, columns, n, decoded);
    return scale;
}

#if defined(__x86_64__) && defined(__GNUC__)

__attribute__((target("avx2")))
static float coarse_round_avx2(const float * y, const float * bits, const float * steps, int32_t n_directions,
        uint8_t * q) {
    return coarse_round(y, bits, steps, n_directions, q);
}

__attribute__((target("avx2")))
static float fine_round_avx2(const float * residual, int64_t n_embd, const int32_t * n_lines, const float * columns,
        const float * steps, uint8_t * code, float * decoded) {
    return fine_round(residual, n_embd, n_lines, columns, steps, code, decoded);
}

static bool has_avx2() {
    static const bool has = __builtin_cpu_supports("avx2");
    return has;
}

#else

static bool has_avx2() {
    return false;
}

#define coarse_round_avx2 coarse_round
#define fine_round_avx2   fine_round

#endif

float flash_head_coarse_round(const float * y, const float * bits, const float * steps, int32_t n_directions,
        uint8_t * q) {
    return has_avx2() ? coarse_round_avx2(y, bits, steps, n_directions, q)
                      : coarse_round     (y, bits, steps, n_directions, q);
}

float flash_head_fine_round(const float * residual, int64_t n_embd, const int32_t * n_lines, const float * columns,
        const float * steps, uint8_t * code, float * decoded) {
    return has_avx2() ? fine_round_avx2(residual, n_embd, n_lines, columns, steps, code, decoded)
                      : fine_round     (residual, n_embd, n_lines, columns, steps, code, decoded);
}
