#include "flash-head-make-lanes.h"

#if defined(__GNUC__)

typedef int16_t shorts __attribute__((vector_size(16)));
typedef int32_t words  __attribute__((vector_size(16)));

// Adds the products of 32 columns of a row with half of a panel: odd columns, then even ones, each in the halves of
// words. 16 bits hold 16 products below 32*64.
ALWAYS_INLINE void add_products(words & totals, const uint8_t * row, const int8_t * directions) {
    shorts lanes = {};
    for (int i = 0; i < 32; i += 4, directions += 4*FLASH_HEAD_MAKE_PANEL) {
        int32_t four;
        memcpy(&four, row + i, sizeof(four));
        const words values = words{} + (four ^ 0x20202020);    // minus 32 in six bits; the two above are not used
        shorts direction;
        memcpy(&direction, directions, sizeof(direction));
        lanes += ((shorts) values << 2 >> 10)*(direction >> 8) + ((shorts) values << 10 >> 10)*(direction << 8 >> 8);
    }
    totals += ((words) lanes >> 16) + ((words) lanes << 16 >> 16);
}

static void project(const uint8_t * rows, int n_fours, int64_t n_columns, const int8_t * directions,
        const int32_t * sums, int32_t n_directions, int32_t * out) {
    (void) sums;
    for (int r = 0; r < 4*n_fours; r++, rows += n_columns, out += n_directions) {
        for (int32_t j = 0; j < n_directions; j += FLASH_HEAD_MAKE_PANEL) {
            words totals[2] = {};
            for (int64_t k = 0; k < n_columns; k += 32) {
                const int8_t * d = directions + j*n_columns + k*FLASH_HEAD_MAKE_PANEL;
                add_products(totals[0], rows + k, d);
                add_products(totals[1], rows + k, d + 16);
            }
            memcpy(out + j, totals, sizeof(totals));
        }
    }
}

#else

static void project(const uint8_t * rows, int n_fours, int64_t n_columns, const int8_t * directions,
        const int32_t * sums, int32_t n_directions, int32_t * out) {
    (void) sums;
    for (int r = 0; r < 4*n_fours; r++, rows += n_columns, out += n_directions) {
        for (int32_t j = 0; j < n_directions; j++) {
            const int      P = FLASH_HEAD_MAKE_PANEL;
            const int8_t * d = directions + j/P*P*n_columns + j%P*4;
            out[j] = 0;
            for (int64_t k = 0; k < n_columns; k++) {
                out[j] += (rows[k] - FLASH_HEAD_MAKE_MIDDLE)*d[k/4*(4*P) + k%4];
            }
        }
    }
}

#endif

static bool read_plain(const uint8_t * row, const uint8_t * centroid, int64_t n_blocks, float * out) {
    return read_row(row, centroid, n_blocks, out);
}

static float round_row_plain(float * row, const float * per_size, int64_t n, uint8_t * out) {
    return round_row(row, per_size, n, out);
}

static float round_plain(const flash_head_rounding * how, const int32_t * products, const float * units, float unit,
        float * values, int32_t * numbers, float * decoded) {
    return round_coarse(how, products, units, unit, values, numbers, decoded);
}

static void decode_plain(const uint8_t * codes, int n, int32_t n_lines, const int16_t * tables, int64_t n_columns,
        int16_t * out, int64_t stride) {
    decode<FLASH_HEAD_MAKE_BLOCK>(codes, n, n_lines, tables, n_columns, out, stride);
}

static float finish_plain(float * row, const int16_t * sums, const float * units, float scale,
        const flash_head_rounding * fine, int32_t * numbers, float * decoded, float * squares) {
    return finish(row, sums, units, scale, fine, numbers, decoded, squares);
}

static const flash_head_make_kernels PLAIN = { "plain", read_plain, round_row_plain, project, round_plain,
    FLASH_HEAD_MAKE_BLOCK, decode_plain, finish_plain };

// Lists the kernels that this processor can run, the portable ones last.
struct known_make_kernels {
    flash_head_make_kernels list[4];
    int n = 0;

    known_make_kernels() {
        for (flash_head_make_kernels & kernels : list) {
            kernels = PLAIN;
        }
        n = flash_head_make_kernels_x86(list);
        n += flash_head_make_kernels_arm(list + n);
        list[n++] = PLAIN;
    }
};

const flash_head_make_kernels * flash_head_make_kernels_all(int * n) {
    static const known_make_kernels known;
    *n = known.n;
    return known.list;
}

const flash_head_make_kernels * flash_head_make_kernels_here() {
    int n;
    return flash_head_make_kernels_all(&n);
}
