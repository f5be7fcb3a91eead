#pragma once

// Codes of random residuals, and what the format says they stand for, read bit by bit.

#include "flash-head-basis.h"
#include "flash-head-codes.h"

#include <algorithm>
#include <math.h>
#include <numeric>
#include <random>
#include <string.h>
#include <vector>

inline std::vector<float> random_values(int64_t n, uint32_t seed) {
    std::mt19937 rng(seed);
    std::normal_distribution<float> normal;
    std::vector<float> out(n);
    for (float & v : out) { v = normal(rng); }
    return out;
}

inline float float_of_upper(const uint8_t * p) {
    const uint32_t bits = (uint32_t) (p[0] | p[1] << 8) << 16;
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

// The shape of codes: bits a direction, lines of 4, 2 and 1 bits a column.
struct codes_shape {
    int64_t D;
    std::vector<int> bits; // of directions, a multiple of 8
    int32_t n_lines[3];
};

struct codes_fixture {
    codes_shape shape;
    int64_t V, D;
    int32_t n, n_bits, fine_bytes;
    std::vector<float>   y;        // [V][n]: products with directions
    std::vector<float>   residual; // [V][D]: what the coarse code is said to have left
    std::vector<float>   basis;
    std::vector<uint8_t> coarse, fine;
    std::vector<uint8_t> q;        // [V][n]
    std::vector<float>   coarse_steps, decoded; // [n], [V][D]
    flash_head_codes     codes;

    codes_fixture(const codes_shape & shape, int64_t V, uint32_t seed)
        : shape(shape), V(V), D(shape.D), n((int32_t) shape.bits.size()),
          n_bits(std::accumulate(shape.bits.begin(), shape.bits.end(), 0)),
          fine_bytes((shape.n_lines[0] + shape.n_lines[1] + shape.n_lines[2])*FLASH_HEAD_FINE_LINE),
          y(random_values(V*n, seed)), residual(random_values(V*D, seed + 1)),
          basis(flash_head_basis_n(D, n, fine_bytes)),
          coarse(flash_head_coarse_n_groups(V)*flash_head_coarse_group_size(n_bits)),
          fine(flash_head_fine_size(V, fine_bytes)), q(V*n), decoded(V*D) {
        fill_basis(seed + 2);
        const auto b = parts();
        for (int64_t v = 0; v < V; v++) {
            const float size = 0.5f + (float) (v % 5); // tokens differ in size
            for (int32_t j = 0; j < n; j++) { y[v*n + j] *= size; }
            for (int64_t i = 0; i < D; i++) { residual[v*D + i] *= size; }
            const float scale = flash_head_coarse_round(&y[v*n], b.bits, coarse_steps.data(), n, &q[v*n]);
            uint8_t * group = coarse.data() + v/64*flash_head_coarse_group_size(n_bits);
            flash_head_coarse_put(group, (int) (v % 64), b.bits, n, &q[v*n], scale);

            const float fine_scale = flash_head_fine_round(&residual[v*D], D, shape.n_lines, b.columns, b.steps,
                    fine.data() + v*fine_bytes, &decoded[v*D]);
            uint32_t bits;
            memcpy(&bits, &fine_scale, sizeof(bits));
            const uint16_t upper = (uint16_t) (bits >> 16);
            memcpy(fine.data() + V*fine_bytes + 2*v, &upper, sizeof(upper));
        }
        codes = { n, n_bits, fine_bytes, coarse.data(), fine.data(), basis.data() };
    }

    flash_head_basis_parts<float> parts() { return flash_head_basis_at(basis.data(), D, n, fine_bytes); }
    flash_head_basis_parts<const float> parts() const {
        return flash_head_basis_at((const float *) basis.data(), D, n, fine_bytes);
    }

    float coarse_scale(int64_t v) const {
        return float_of_upper(coarse.data() + v/64*flash_head_coarse_group_size(n_bits) + v%64*2);
    }

    // the number of direction j of token v
    int coarse_number(int64_t v, int32_t j) const {
        const uint8_t * lines = coarse.data() + v/64*flash_head_coarse_group_size(n_bits) + 128;
        int32_t at = std::accumulate(shape.bits.begin(), shape.bits.begin() + j, 0);
        int number = 0;
        for (int k = 0; k < shape.bits[j]; k++, at++) {
            number = number*2 + (lines[at/4*32 + v%64%32] >> (v%64/32*4 + at%4) & 1);
        }
        return number;
    }

    // what the coarse code adds for z [n], the products of x with projection
    double coarse_value(int64_t v, const std::vector<double> & z) const {
        double sum = 0;
        for (int32_t j = 0; j < n; j++) {
            sum += (coarse_number(v, j) - ((1 << shape.bits[j]) - 1)/2.0)*z[j];
        }
        return coarse_scale(v)*sum;
    }

    // what the fine code stands for in column i of token v
    double fine_number(int64_t v, int64_t i) const {
        const auto b = parts();
        const uint8_t * code = fine.data() + v*fine_bytes;
        int32_t first = 0;
        for (int w = 0; w < 3; w++) {
            const int bits = 4 >> w, per_line = 256/bits;
            for (int32_t s = 0; s < shape.n_lines[w]*per_line; s++) {
                if (b.columns[first + s] == (float) i) {
                    const uint8_t byte = code[s/per_line*32 + s%per_line%32];
                    const int number = byte >> (s%per_line/32*bits) & ((1 << bits) - 1);
                    return float_of_upper(fine.data() + V*fine_bytes + 2*v)*b.steps[first + s]
                         * (number - ((1 << bits) - 1)/2.0);
                }
            }
            code  += shape.n_lines[w]*32;
            first += shape.n_lines[w]*per_line;
        }
        return 0;
    }

    std::vector<double> projected(const float * x) const {
        std::vector<double> z(n);
        for (int64_t i = 0; i < D; i++) {
            for (int32_t j = 0; j < n; j++) { z[j] += (double) x[i]*parts().projection[i*n + j]; }
        }
        return z;
    }

private:
    // directions of deviation 1; columns in a random order, as far as there are slots
    void fill_basis(uint32_t seed) {
        auto b = parts();
        std::mt19937 rng(seed);
        for (int32_t j = 0; j < n; j++) {
            b.bits[j] = (float) shape.bits[j];
            coarse_steps.push_back(flash_head_step_of(shape.bits[j]));
        }
        const std::vector<float> directions = random_values(D*n, seed);
        for (int64_t i = 0; i < D*n; i++) { b.projection[i] = directions[i]/sqrtf((float) D); }
        for (int64_t i = 0; i < 2*D; i++) { b.variances[i] = i < D ? 0.02f : 0.01f; }
        std::vector<int> order(D);
        std::iota(order.begin(), order.end(), 0);
        std::shuffle(order.begin(), order.end(), rng);
        int32_t s = 0;
        for (int w = 0; w < 3; w++) {
            b.n_lines[w] = (float) shape.n_lines[w];
            for (int32_t end = s + shape.n_lines[w]*(256/(4 >> w)); s < end; s++) {
                b.columns[s] = s < D ? (float) order[s] : -1.0f;
                b.steps  [s] = s < D ? flash_head_step_of(4 >> w)*(1.0f + 0.5f*(float) (s % 3)) : 0.0f;
            }
        }
        for (; s < flash_head_fine_max_slots(fine_bytes); s++) { b.columns[s] = -1.0f; }
    }
};

inline std::vector<codes_shape> codes_shapes() {
    return {
        { 200, std::vector<int>(8,  1), { 0, 0, 1 } },
        { 200, { 5, 4, 4, 3, 3, 2, 2, 1, 5, 5, 2, 2, 1, 1, 0, 0 }, { 1, 1, 1 } },
        { 640, std::vector<int>(88, 2), { 0, 3, 1 } },
        { 330, std::vector<int>(64, 4), { 3, 0, 1 } },
        { 90,  std::vector<int>(8,  5), { 0, 0, 0 } },
    };
}
