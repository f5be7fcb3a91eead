// Tests of grouped centroids: each set of kernels that this processor can run, against plain sums.

#include "check.h"

#include "flash-head-centroids.h"

#include <algorithm>
#include <math.h>
#include <random>
#include <vector>

static checker check;

// 16 items with values -8 .. 7, laid out by the format's definition.
struct group_fixture {
    int64_t n_columns;
    std::vector<int>      values; // [16][n_columns]
    std::vector<uint8_t>  lines;

    group_fixture(int64_t n_columns, uint32_t seed)
            : n_columns(n_columns), values(16*n_columns), lines(n_columns/8*64) {
        std::mt19937 rng(seed);
        for (int & v : values) { v = seed == 0 ? -8 : (int) (rng() % 16) - 8; } // seed 0: the greatest sums
        for (int64_t i = 0; i < n_columns; i++) {
            for (int t = 0; t < 16; t++) {
                const uint8_t nibble = (uint8_t) (values[t*n_columns + i] + 8);
                lines[i/8*64 + 4*t + i%4] |= (uint8_t) (i % 8 < 4 ? nibble : nibble << 4);
            }
        }
    }
};

static void test_put() {
    const group_fixture g(24, 5);
    std::vector<uint8_t> lines(g.lines.size());
    for (int64_t i = 0; i < 24; i++) {
        for (int t = 0; t < 16; t++) { flash_head_group_put(lines.data(), i, t, g.values[t*24 + i]); }
    }
    check(lines == g.lines, "values are not where the format has them");
}

static void test_half() {
    for (auto known : std::vector<std::pair<uint16_t, float>>{ { 0x0000, 0.0f }, { 0x3c00, 1.0f }, { 0xc000, -2.0f },
            { 0x7bff, 65504.0f },
            { 0x0001, 5.9604645e-8f }, { 0x0400, 6.1035156e-5f }, { 0x3555, 0.33325195f }, { 0x7c00, INFINITY },
            { 0xfc00, -INFINITY } }) {
        check(flash_head_half_to_float(known.first) == known.second, "%04x is %g, not %g", known.first,
                flash_head_half_to_float(known.first), known.second);
    }
    check(isnan(flash_head_half_to_float(0x7e00)), "a NaN half did not stay NaN");
}

// Q4_0 in ggml's layout: scale, then columns 0 .. 15 in the low nibbles and 16 .. 31 in the high ones.
static std::vector<uint8_t> random_q4_0(int64_t n, int64_t n_embd, std::mt19937 & rng) {
    std::vector<uint8_t> out(n*n_embd/32*18);
    for (size_t b = 0; b < out.size(); b += 18) {
        const uint16_t scale = (uint16_t) (0x2c00 + rng() % 0x800); // 1/16 to 1/4
        memcpy(&out[b], &scale, sizeof(scale));
        for (int i = 2; i < 18; i++) { out[b + i] = (uint8_t) rng(); }
    }
    return out;
}

static double q4_0_at(const std::vector<uint8_t> & rows, int64_t n_embd, int64_t row, int64_t i) {
    const uint8_t * block = &rows[(row*n_embd + i)/32*18];
    uint16_t scale;
    memcpy(&scale, block, sizeof(scale));
    const int value = i%32 < 16 ? block[2 + i%32] & 15 : block[2 + i%32 - 16] >> 4;
    return (double) flash_head_half_to_float(scale)*(value - 8);
}

// Q8_0 in ggml's layout: scale, then values.
static std::vector<uint8_t> random_q8_0(int64_t n_embd, std::mt19937 & rng) {
    std::vector<uint8_t> out(n_embd/32*34);
    for (size_t b = 0; b < out.size(); b += 34) {
        const uint16_t scale = (uint16_t) (0x2000 + rng() % 0x1000);
        memcpy(&out[b], &scale, sizeof(scale));
        for (int i = 2; i < 34; i++) { out[b + i] = (uint8_t) ((int) (rng() % 255) - 127); }
    }
    return out;
}

static double q8_0_at(const std::vector<uint8_t> & row, int64_t i) {
    uint16_t scale;
    memcpy(&scale, &row[i/32*34], sizeof(scale));
    return (double) flash_head_half_to_float(scale)*(int8_t) row[i/32*34 + 2 + i%32];
}

// Any number of rows and centroids, against sums over the rounded activations.
static void test_score(const flash_head_group_kernels & kernels) {
    std::mt19937 rng(2);
    for (int64_t n_embd : { 32, 64, 640 }) {
        for (int64_t n_cluster : { 1, 16, 37 }) {
            const std::vector<uint8_t> plain = random_q4_0(n_cluster, n_embd, rng);
            const int64_t padded = flash_head_centroids_padded(n_cluster);
            std::vector<uint8_t> groups(padded*n_embd/32*18);
            flash_head_centroids_group(plain.data(), n_cluster, n_embd, groups.data());

            for (int n = 1; n <= FLASH_HEAD_MAX_ROUNDED; n++) {
                std::vector<std::vector<int8_t>>  values (n, std::vector<int8_t> (n_embd));
                std::vector<std::vector<float>>   scales (n, std::vector<float>  (n_embd/32));
                std::vector<std::vector<int32_t>> offsets(n, std::vector<int32_t>(n_embd/32));
                std::vector<std::vector<float>>   scores (n, std::vector<float>  (padded + 1, 1234.0f));
                std::vector<flash_head_rounded> x;
                std::vector<float *> out;
                for (int r = 0; r < n; r++) {
                    x.push_back({ values[r].data(), scales[r].data(), offsets[r].data() });
                    out.push_back(scores[r].data());
                    const std::vector<uint8_t> row = random_q8_0(n_embd, rng);
                    flash_head_centroids_unpack(row.data(), n_embd, &x[r]);
                    for (int64_t i = 0; i < n_embd; i++) {
                        const double unpacked = (double) values[r][i]*scales[r][i/32];
                        check(unpacked == q8_0_at(row, i), "activation %f became %f", q8_0_at(row, i), unpacked);
                    }
                }
                kernels.score(groups.data(), padded/16, n_embd/32, x.data(), n, out.data());
                for (int r = 0; r < n; r++) {
                    for (int64_t c = 0; c < padded; c++) {
                        double expected = 0, size = 0;
                        for (int64_t i = 0; c < n_cluster && i < n_embd; i++) {
                            const double product = q4_0_at(plain, n_embd, c, i)*values[r][i]*scales[r][i/32];
                            expected += product;
                            size     += fabs(product);
                        }
                        check(fabs(scores[r][c] - expected) <= 1e-5*size,
                                "%s, row %d of %d, centroid %d of %d: %f, expected %f",
                                kernels.name, r, n, (int) c, (int) n_cluster, scores[r][c], expected);
                    }
                    check(scores[r][padded] == 1234.0f, "%s: wrote beyond the last group", kernels.name);
                }
            }
        }
    }
}

int main() {
    test_put();
    test_half();
    int n;
    const flash_head_group_kernels * kernels = flash_head_group_kernels_all(&n);
    for (int i = 0; i < n; i++) {
        test_score(kernels[i]);
    }
    return check.finish();
}
