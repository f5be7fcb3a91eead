// Tests of codes and of the estimates they give, in the core alone.

#include "check.h"
#include "codes-fixture.h"
#include "codes-make.h"

#include "flash-head-codes.h"
#include "flash-head-mass.h"

static checker check;

// Codes unpack to the numbers that were packed, and decode with an error below the standard deviation.
static void test_round() {
    for (const codes_shape & shape : codes_shapes()) {
        const codes_fixture c(shape, 100, 1);
        double left = 0, all = 0, fine_left = 0, fine_all = 0;
        for (int64_t v = 0; v < c.V; v++) {
            for (int32_t j = 0; j < c.n; j++) {
                check(c.coarse_number(v, j) == c.q[v*c.n_rounded + j] && c.q[v*c.n_rounded + j] < 1 << shape.bits[j],
                        "token %d, direction %d: %d became %d", (int) v, j, c.q[v*c.n_rounded + j],
                        c.coarse_number(v, j));
                if (shape.bits[j] > 0) {
                    const double middle = c.coarse_number(v, j) - ((1 << shape.bits[j]) - 1)/2.0;
                    const double error  = c.y[v*c.n + j] - c.coarse_scale(v)*middle*c.coarse_steps[j];
                    left += error*error;
                    all  += (double) c.y[v*c.n + j]*c.y[v*c.n + j];
                }
            }
            for (int64_t i = 0; i < c.D; i++) {
                const float decoded = c.decoded[v*c.D + i];
                check(fabs(decoded - c.fine_number(v, i)) <= 1e-5*(1 + fabs(decoded)),
                        "token %d, column %d: %f, not %f", (int) v, (int) i, decoded, c.fine_number(v, i));
                if (c.fine_number(v, i) != 0) {
                    const double error = c.residual[v*c.D + i] - decoded;
                    fine_left += error*error;
                    fine_all  += (double) c.residual[v*c.D + i]*c.residual[v*c.D + i];
                }
            }
        }
        check(left < 0.45*all, "%d bits lose %f of the energy", c.n_bits, left/all);
        check(fine_left <= 0.6*fine_all, "%d bytes lose %f of the energy", c.fine_bytes, fine_left/fine_all);
    }
}

// Each number of bits leaves the distortion that theory gives for a Gaussian.
static void test_distortion() {
    for (int bits = 1; bits <= FLASH_HEAD_MOST_BITS; bits++) {
        const codes_fixture c({ 90, std::vector<int>(40, bits), { 0, 0, 0 } }, 500, 7);
        double left = 0, all = 0;
        for (int64_t e = 0; e < c.V*c.n; e++) {
            const double middle = c.q[e/c.n*c.n_rounded + e%c.n] - ((1 << bits) - 1)/2.0;
            const double error  = c.y[e] - c.coarse_scale(e/c.n)*middle*c.coarse_steps[e%c.n];
            left += error*error;
            all  += (double) c.y[e]*c.y[e];
        }
        const double expected = flash_head_distortion_of(bits);
        check(left/all > 0.8*expected && left/all < 1.2*expected, "%d bits leave %f, not %f", bits, left/all, expected);
    }
}

// All kernels give the same integers as the portable one, which comes last.
static void test_kernels() {
    int n_kernels;
    const flash_head_code_kernels * kernels = flash_head_code_kernels_all(&n_kernels);
    const flash_head_code_kernels & plain   = kernels[n_kernels - 1];
    std::mt19937 rng(3);
    uint8_t tables[64][16], lines[64*32], code[64*32];
    std::vector<int8_t> slots(64*256);
    for (auto & table : tables) { for (uint8_t & entry : table) { entry = (uint8_t) (rng() % 4 ? rng() : 255); } }
    for (uint8_t & byte : lines) { byte = (uint8_t) rng(); }
    for (uint8_t & byte : code)  { byte = (uint8_t) (rng() % 3 ? rng() : 255); }
    for (int8_t & slot : slots)  { slot = (int8_t) (rng() % 3 ? (int) (rng() % 255) - 127 : 127); }

    const std::vector<float> scores = random_values(50, 4);
    std::vector<int32_t> cluster(64);
    std::vector<uint8_t> scales;
    for (int t = 0; t < 64; t++) {
        cluster[t] = (int32_t) (rng() % 50);
        scales.push_back((uint8_t) rng());
        scales.push_back(0x3f);
    }
    for (int k = 0; k < n_kernels; k++) {
        for (int32_t n : { 0, 1, 2, 32, 48, 63, 64 }) {
            uint16_t got[64], expected[64];
            kernels[k].coarse(lines, n, tables, got);
            plain.coarse(lines, n, tables, expected);
            check(memcmp(got, expected, sizeof(got)) == 0, "%s: wrong sums over %d lines", kernels[k].name, n);

            float out[64], expected_out[64];
            kernels[k].finish(got, scales.data(), 0.01f, -3.0f, 0.25f, cluster.data(), scores.data(), out);
            plain.finish(got, scales.data(), 0.01f, -3.0f, 0.25f, cluster.data(), scores.data(), expected_out);
            for (int t = 0; t < 64; t++) {
                check(fabsf(out[t] - expected_out[t]) <= 1e-5f*(1 + fabsf(out[t])), "%s: token %d: %f, expected %f",
                        kernels[k].name, t, out[t], expected_out[t]);
            }
        }
        for (const std::vector<int32_t> & n_lines : std::vector<std::vector<int32_t>>{ { 0, 0, 0 }, { 1, 0, 0 },
                { 0, 1, 0 }, { 0, 0, 1 }, { 1, 2, 3 }, { 16, 16, 16 } }) {
            check(kernels[k].fine(code, n_lines.data(), slots.data()) == plain.fine(code, n_lines.data(), slots.data()),
                    "%s: wrong sum over %d, %d and %d lines", kernels[k].name, n_lines[0], n_lines[1], n_lines[2]);
        }
    }
}

// All kernels list the tokens that reach a threshold, for ranges with any alignment.
static void test_reach() {
    int n_kernels;
    const flash_head_code_kernels * kernels = flash_head_code_kernels_all(&n_kernels);
    std::vector<float> estimates = random_values(200, 5);
    estimates[40] = NAN;
    for (int k = 0; k < n_kernels; k++) {
        for (int64_t begin : { 0, 1, 32 }) {
            for (int64_t end : { 1, 33, 39, 96, 200 }) {
                for (float least : { -INFINITY, 0.0f, estimates[7], 1.5f, INFINITY }) {
                    std::vector<int32_t> expected, list(201);
                    for (int64_t v = begin; v < end; v++) {
                        if (estimates[v] >= least) {
                            expected.push_back((int32_t) v);
                        }
                    }
                    list.resize(kernels[k].reach(estimates.data(), begin, end, least, list.data()));
                    check(list == expected, "%s: wrong list of tokens in %d .. %d", kernels[k].name, (int) begin,
                            (int) end);
                }
            }
        }
    }
}

// Estimates match the format's definition up to the rounding of tables and activations.
static void test_estimates() {
    const int64_t V = 150;
    std::vector<int32_t> cluster(V), all(V);
    for (int64_t v = 0; v < V; v++) {
        cluster[v] = (int32_t) (v*v % 7);
        all[v]     = (int32_t) v;
    }
    const std::vector<float> scores = random_values(7, 3);
    for (const codes_shape & shape : codes_shapes()) {
        const codes_fixture      c(shape, V, 20);
        const std::vector<float> x = random_values(c.D, 21);
        const prepared           p(c, x.data());
        const std::vector<double> z = c.projected(x.data());
        double squares = 0;
        for (float value : x) { squares += (double) value*value; }
        check(fabs(p.query.variances[0] - std::min(0.5, 0.01 *squares)) < 1e-3
           && fabs(p.query.variances[1] - std::min(0.5, 0.005*squares)) < 1e-3,
                "variances %f and %f", p.query.variances[0], p.query.variances[1]);

        for (int64_t begin : { 0, 64 }) {
            for (int64_t end : { 64, 128, (int) V }) {
                if (begin >= end) { continue; }
                std::vector<float> out(V + 1, 1234.0f);
                flash_head_coarse_estimate(&c.codes, &p.query, cluster.data(), scores.data(), begin, end, out.data());
                std::vector<float> coarse = out;
                flash_head_fine_estimate(&c.codes, &p.query, p.slots.data(), V, all.data() + begin, end - begin,
                        out.data());
                for (int64_t v = 0; v <= V; v++) {
                    if (v < begin || v >= end) {
                        check(out[v] == 1234.0f, "token %d, outside %d .. %d, was written", (int) v, (int) begin,
                                (int) end);
                        continue;
                    }
                    const double expected = scores[cluster[v]] + p.query.variances[0] + c.coarse_value(v, z);
                    const double rounding = c.coarse_scale(v)*p.query.unit*0.5*(c.n_bits/4);
                    check(fabs(coarse[v] - expected) <= rounding + 1e-3, "token %d: %f, not %f, within %f", (int) v,
                            coarse[v], expected, rounding);
                    double fine = 0, fine_rounding = 0;
                    for (int64_t i = 0; i < c.D; i++) { fine += c.fine_number(v, i)*x[i]; }
                    for (int64_t i = 0; i < c.D; i++) {
                        fine_rounding += fabs(c.fine_number(v, i))*p.query.fine_unit*0.5;
                    }
                    const double finer = coarse[v] + p.query.variances[1] - p.query.variances[0] + fine;
                    check(fabs(out[v] - finer) <= 2*fine_rounding + 1e-3, "token %d: %f, not %f, within %f", (int) v,
                            out[v], finer, 2*fine_rounding);
                }
            }
        }
    }
}

static void test_mass() {
    for (int64_t n : { 1, 7, 8, 256, 1000 }) {
        std::vector<float> e = random_values(n, 5);
        double sum = 0;
        for (int64_t v = 0; v < n; v++) {
            e[v] *= 4.0f;
            sum  += exp(e[v]);
        }
        std::vector<flash_head_mass> blocks;
        for (int64_t v = 0; v < n; v += 100) {
            blocks.push_back(flash_head_mass_of(&e[v], std::min<int64_t>(100, n - v)));
        }
        const flash_head_mass mass = flash_head_mass_total(blocks.data(), (int64_t) blocks.size());
        check(mass.most == *std::max_element(e.begin(), e.end()) && fabs(mass.sum*exp(mass.most)/sum - 1) < 0.06,
                "%d estimates: the sum is %f, expected %f", (int) n, mass.sum*exp(mass.most), sum);
    }
}

int main() {
    test_round();
    test_distortion();
    test_make(check);
    test_kernels();
    test_reach();
    test_estimates();
    test_mass();
    return check.finish();
}
