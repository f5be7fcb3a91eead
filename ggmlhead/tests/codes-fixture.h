#pragma once

// Codes of random residuals, and a bit-by-bit decoder that follows the format's definition.

#include "flash-head-basis.h"
#include "flash-head-codes.h"
#include "flash-head-make.h"

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

// The shape of codes: bits per direction; lines of 4, 2 and 1 bits per column.
struct codes_shape {
    int64_t D;
    std::vector<int> bits; // of directions, a multiple of 8
    int32_t n_lines[3];
};

struct codes_fixture {
    static constexpr float UNIT = 1.0f/1024;

    codes_shape shape;
    int64_t V, D;
    int32_t n, n_bits, fine_bytes;
    std::vector<float>   y;        // [V][n]: products with directions, multiples of UNIT
    std::vector<float>   residual; // [V][D]: what the coarse code leaves
    std::vector<float>   basis;
    std::vector<uint8_t> coarse, fine;
    std::vector<int32_t> q;        // [V][n_rounded]
    std::vector<float>   coarse_steps, decoded; // [n], [V][D]
    int32_t n_rounded;             // directions, padded to whole vectors
    flash_head_codes     codes;

    codes_fixture(const codes_shape & shape, int64_t V, uint32_t seed)
        : shape(shape), V(V), D(shape.D), n((int32_t) shape.bits.size()),
          n_bits(std::accumulate(shape.bits.begin(), shape.bits.end(), 0)),
          fine_bytes((shape.n_lines[0] + shape.n_lines[1] + shape.n_lines[2])*FLASH_HEAD_FINE_LINE),
          y(random_values(V*n, seed)), residual(random_values(V*D, seed + 1)),
          basis(flash_head_basis_n(D, n, fine_bytes)),
          coarse(flash_head_coarse_n_groups(V)*flash_head_coarse_group_size(n_bits)),
          fine(flash_head_fine_size(V, fine_bytes)), decoded(V*D) {
        fill_basis(seed + 2);
        make_coarse();
        make_fine();
        codes = { n, n_bits, fine_bytes, coarse.data(), fine.data(), basis.data() };
    }

    flash_head_basis_parts<float> parts() { return flash_head_basis_at(basis.data(), D, n, fine_bytes); }
    flash_head_basis_parts<const float> parts() const {
        return flash_head_basis_at((const float *) basis.data(), D, n, fine_bytes);
    }

    float coarse_scale(int64_t v) const {
        return float_of_upper(coarse.data() + v/64*flash_head_coarse_group_size(n_bits) + v%64*2);
    }

    // the coarse number of token v in direction j
    int coarse_number(int64_t v, int32_t j) const {
        const uint8_t * lines = coarse.data() + v/64*flash_head_coarse_group_size(n_bits) + 128;
        int32_t at = std::accumulate(shape.bits.begin(), shape.bits.begin() + j, 0);
        int number = 0;
        for (int k = 0; k < shape.bits[j]; k++, at++) {
            number = number*2 + (lines[at/4*32 + v%64%32] >> (v%64/32*4 + at%4) & 1);
        }
        return number;
    }

    // the coarse code's part of the estimate; z [n] is x times the projection
    double coarse_value(int64_t v, const std::vector<double> & z) const {
        double sum = 0;
        for (int32_t j = 0; j < n; j++) {
            sum += (coarse_number(v, j) - ((1 << shape.bits[j]) - 1)/2.0)*z[j];
        }
        return coarse_scale(v)*sum;
    }

    // the decoded fine code of token v in column i
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
    void make_coarse() {
        const flash_head_rounder  rounder(parts().bits, coarse_steps.data(), n);
        const flash_head_rounding how = rounder.get();
        n_rounded = how.n;
        q.resize(V*n_rounded);
        std::vector<int32_t> products(n_rounded);
        std::vector<float>   units(n_rounded), values(n_rounded), of_q(n_rounded), scales(V);
        std::fill_n(units.begin(), n, UNIT*4);
        for (int64_t v = 0; v < V; v++) {
            for (int32_t j = 0; j < n; j++) {
                products[j] = (int32_t) (y[v*n + j]*(0.5f + (float) (v % 5))/UNIT); // tokens differ in size
                y[v*n + j]  = (float) products[j]*UNIT;
            }
            scales[v] = flash_head_make_kernels_here()->round(&how, products.data(), units.data(), 0.25f, values.data(),
                    &q[v*n_rounded], of_q.data());
        }
        for (int64_t v = 0; v < V; v += 64) {
            flash_head_coarse_put(coarse.data() + v/64*flash_head_coarse_group_size(n_bits), parts().bits, n,
                    &q[v*n_rounded], n_rounded, (int) std::min<int64_t>(64, V - v), &scales[v]);
        }
    }

    void make_fine() {
        const auto    b       = parts();
        const int64_t columns = (D + FLASH_HEAD_MAKE_LANES - 1)/FLASH_HEAD_MAKE_LANES*FLASH_HEAD_MAKE_LANES;
        std::vector<float>   bits(columns), steps(columns), row(columns), units(columns), of_q(columns);
        std::vector<float>   squares(2*columns);
        std::vector<int32_t> slots, numbers(columns + 1);
        std::vector<int16_t> sums(columns);
        for (int32_t s = 0; s < flash_head_fine_max_slots(fine_bytes); s++) {
            slots.push_back((int32_t) (b.columns[s] >= 0 ? (int64_t) b.columns[s] : columns));
            if (b.columns[s] >= 0) {
                const int32_t after = s - shape.n_lines[0]*64;
                bits [slots[s]] = after < 0 ? 4.0f : after < shape.n_lines[1]*128 ? 2.0f : 1.0f;
                steps[slots[s]] = b.steps[s];
            }
        }
        const flash_head_rounder  rounder(bits.data(), steps.data(), (int32_t) columns);
        const flash_head_rounding how = rounder.get();
        for (int64_t v = 0; v < V; v++) {
            for (int64_t i = 0; i < D; i++) { row[i] = residual[v*D + i] *= 0.5f + (float) (v % 5); }
            const float scale = flash_head_make_kernels_here()->finish(row.data(), sums.data(), units.data(), 0.0f,
                    &how, numbers.data(), of_q.data(), squares.data());
            for (int64_t i = 0; i < D; i++) { decoded[v*D + i] = of_q[i]*scale; }
            flash_head_fine_put(shape.n_lines, slots.data(), numbers.data(), fine.data() + v*fine_bytes);
            uint32_t of_scale;
            memcpy(&of_scale, &scale, sizeof(of_scale));
            const uint16_t upper = (uint16_t) (of_scale >> 16);
            memcpy(fine.data() + V*fine_bytes + 2*v, &upper, sizeof(upper));
        }
    }

    // directions of unit standard deviation; columns in random order until the slots are full
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

// A row of activations, prepared for the kernels of codes.
struct prepared {
    flash_head_query    query;
    std::vector<int8_t> slots;

    prepared(const codes_fixture & c, const float * x) : slots(flash_head_fine_max_slots(c.fine_bytes)) {
        std::vector<float> parts(flash_head_n_parts(c.D)*(c.n + 2));
        for (int64_t part = 0; part < flash_head_n_parts(c.D); part++) {
            flash_head_project_part(&c.codes, x, c.D, part, parts.data() + part*(c.n + 2));
        }
        flash_head_query_prepare(&c.codes, x, c.D, parts.data(), &query, slots.data());
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
