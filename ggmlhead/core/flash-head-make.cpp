#include "flash-head-make-lanes.h"

// Adds the products of 32 columns of four rows with a panel, in 16 bits: each lane gets eight, below 32*64.
static void add_products(const int16_t (*rows)[32], const int8_t * directions, int16_t (*lanes)[32]) {
    for (int i = 0; i < 32; i += 4, directions += 32) {
        int16_t wide[32];
        for (int l = 0; l < 32; l++) {
            wide[l] = directions[l];
        }
        for (int r = 0; r < 4; r++) {
            int16_t values[32];
            for (int l = 0; l < 32; l += 4) {
                memcpy(values + l, rows[r] + i, 4*sizeof(int16_t));
            }
            for (int l = 0; l < 32; l++) {
                lanes[r][l] = (int16_t) (lanes[r][l] + values[l]*wide[l]);
            }
        }
    }
}

static void project(const uint8_t * rows, int n_fours, int64_t n_columns, const int8_t * directions,
        const int32_t * sums, int32_t n_directions, int32_t * out) {
    const int P = FLASH_HEAD_MAKE_PANEL;
    (void) sums;
    for (int f = 0; f < n_fours; f++, rows += 4*n_columns, out += 4*n_directions) {
        for (int32_t j = 0; j < n_directions; j += P) {
            const int8_t * d = directions + j*n_columns;
            int32_t totals[4][P] = {};
            for (int64_t k = 0; k < n_columns; k += 32, d += 32*P) {
                int16_t values[4][32], lanes[4][32] = {};
                for (int r = 0; r < 4; r++) {
                    for (int i = 0; i < 32; i++) {
                        values[r][i] = (int16_t) (rows[r*n_columns + k + i] - FLASH_HEAD_MAKE_MIDDLE);
                    }
                }
                add_products(values, d, lanes);
                for (int r = 0; r < 4; r++) {
                    for (int l = 0; l < 32; l++) {
                        totals[r][l/4] += lanes[r][l];
                    }
                }
            }
            for (int r = 0; r < 4; r++) {
                memcpy(out + r*n_directions + j, totals[r], sizeof(totals[r]));
            }
        }
    }
}

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
    decode(codes, n, n_lines, tables, n_columns, out, stride);
}

static float finish_plain(float * row, const int16_t * sums, const float * units, float scale,
        const flash_head_rounding * fine, int32_t * numbers, float * decoded, float * squares) {
    return finish(row, sums, units, scale, fine, numbers, decoded, squares);
}

static const flash_head_make_kernels PLAIN =
        { "plain", read_plain, round_row_plain, project, round_plain, decode_plain, finish_plain };

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
