#pragma once

// Tests of the kernels that make codes: each against plain sums, and all against one another.

#include "check.h"

#include "flash-head-group.h"
#include "flash-head-make.h"

#include <math.h>
#include <random>
#include <string.h>

// Calls test with each set of kernels that this processor can run.
template <typename F> static void each_make_kernels(const F & test) {
    int n;
    const flash_head_make_kernels * all = flash_head_make_kernels_all(&n);
    for (int k = 0; k < n; k++) { test(all[k]); }
}

// Random values, and the largest rows and directions: no sum may overflow.
static void test_make_project(checker & check) {
    std::mt19937 rng(11);
    for (int64_t columns : { 32, 64, 96, 640 }) {
        for (int32_t n : { 8, 24, 112 }) {
            for (int extreme = 0; extreme < 2; extreme++) {
                const int rows = 12;
                std::vector<uint8_t> row(rows*columns);
                std::vector<int8_t>  d(n*columns);
                std::vector<int32_t> sums(n), expected(rows*n), out(rows*n);
                for (uint8_t & value : row) { value = (uint8_t) (extreme ? 63 : 1 + rng() % 63); }
                for (int8_t & value : d) { value = (int8_t) (extreme ? 64 : (int) (rng() % 129) - 64); }
                for (int32_t j = 0; j < n; j++) {
                    for (int64_t k = 0; k < columns; k++) {
                        const int value = d[j/8*8*columns + k/4*32 + j%8*4 + k%4];
                        sums[j] += value;
                        for (int r = 0; r < rows; r++) { expected[r*n + j] += (row[r*columns + k] - 32)*value; }
                    }
                }
                each_make_kernels([&](const flash_head_make_kernels & kernels) {
                    kernels.project(row.data(), rows/4, columns, d.data(), sums.data(), n, out.data());
                    check(out == expected, "%s: wrong products of %d columns with %d directions", kernels.name,
                            (int) columns, n);
                });
            }
        }
    }
}

static void test_make_decode(checker & check) {
    std::mt19937 rng(12);
    for (int64_t columns : { 32, 96 }) {
        for (int32_t lines : { 2, 6, 8, 48, 64 }) {
            for (int n : { 1, 7, 64 }) {
                const int64_t stride = columns + 16;
                std::vector<uint8_t> codes(n*lines);
                // entries [columns][lines][16]
                std::vector<int16_t> entries(columns*lines*16), tables(entries.size());
                std::vector<int16_t> expected(n*stride, 77), out(n*stride);
                for (uint8_t & code : codes) { code = (uint8_t) (rng() % 16 * 16); }
                for (int16_t & entry : entries) { entry = (int16_t) ((int) (rng() % 1001) - 500); }
                for (int t = 0; t < n; t++) {
                    for (int64_t k = 0; k < columns; k++) {
                        int sum = 0;
                        for (int32_t l = 0; l < lines; l++) {
                            sum += entries[(k*lines + l)*16 + codes[t*lines + l]/16];
                        }
                        expected[t*stride + k] = (int16_t) sum;
                    }
                }
                each_make_kernels([&](const flash_head_make_kernels & kernels) {
                    const int64_t block = kernels.decode_block;
                    for (size_t e = 0; e < entries.size(); e++) {
                        const int64_t k = (int64_t) e/(lines*16), of_column = (int64_t) e % (lines*16);
                        tables[(k/block*lines*16 + of_column)*block + k%block] = entries[e];
                    }
                    std::fill(out.begin(), out.end(), (int16_t) 77);
                    kernels.decode(codes.data(), n, lines, tables.data(), columns, out.data(), stride);
                    check(out == expected, "%s: wrong sums over %d lines of %d tokens", kernels.name, lines, n);
                });
            }
        }
    }
}

static void test_make_read(checker & check) {
    std::mt19937 rng(13);
    const int64_t blocks = 3;
    std::vector<uint8_t> row(34*blocks), centroid(18*blocks);
    // 1, -2, the smallest and the largest number
    const uint16_t halves[] = { 0x3c00, 0xc000, 0x0001, 0x7bff };
    const float    values[] = { 1.0f, -2.0f, 0x1p-24f, 65504.0f };
    for (int s = 0; s < 16; s++) {
        for (uint8_t & byte : row)      { byte = (uint8_t) rng(); }
        for (uint8_t & byte : centroid) { byte = (uint8_t) rng(); }
        for (int64_t b = 0; b < blocks; b++) {
            memcpy(&row[34*b],      &halves[s % 4], 2);
            memcpy(&centroid[18*b], &halves[s / 4], 2);
        }
        each_make_kernels([&](const flash_head_make_kernels & kernels) {
            std::vector<float> out(32*blocks);
            check(kernels.read(row.data(), centroid.data(), blocks, out.data()), "%s: cannot read", kernels.name);
            for (int64_t k = 0; k < 32*blocks; k++) {
                const uint8_t byte = centroid[k/32*18 + 2 + k%16];
                const float   mean = (float) ((k%32 < 16 ? byte & 15 : byte >> 4) - 8)*values[s / 4];
                const float   expected = (float) (int8_t) row[k/32*34 + 2 + k%32]*values[s % 4] - mean;
                check(out[k] == expected, "%s: column %d is %g, expected %g", kernels.name, (int) k, out[k], expected);
            }
            for (uint16_t odd : { 0x7c00, 0xfc00, 0x7e01 }) {
                std::vector<uint8_t> other = row;
                memcpy(&other[34], &odd, 2);
                check(!kernels.read(other.data(), centroid.data(), blocks, out.data()), "%s: accepts the scale %x",
                        kernels.name, odd);
            }
        });
    }
}

static void test_make_round_row(checker & check) {
    std::mt19937 rng(14);
    std::normal_distribution<float> normal;
    const int64_t n = 96;
    for (float size : { 1e-6f, 1.0f, 1e6f }) {
        std::vector<float> given(n), per_size(n);
        for (int64_t k = 0; k < n; k++) {
            per_size[k] = k < 70 ? 0.5f + (float) (k % 3) : 0.0f; // the rest is padding
            given[k]    = k < 70 ? size*normal(rng) : 0.0f;
        }
        each_make_kernels([&](const flash_head_make_kernels & kernels) {
            std::vector<float>   row = given;
            std::vector<uint8_t> out(n);
            const float unit = kernels.round_row(row.data(), per_size.data(), n, out.data());
            int largest = 0;
            for (int64_t k = 0; k < n; k++) {
                const int   value    = out[flash_head_rounded_place(k)] - 32;
                const float expected = given[k]*per_size[k];
                check(fabsf((float) value*unit - expected) <= 0.501f*unit, "%s: column %d: %g became %g", kernels.name,
                        (int) k, expected, (float) value*unit);
                largest = std::max(largest, abs(value));
            }
            check(largest == 31 && row == given, "%s: the largest rounded value is %d", kernels.name, largest);
        });
    }
    for (float odd : { 0.0f, NAN, INFINITY, -INFINITY, 1e30f, -3e38f }) {
        each_make_kernels([&](const flash_head_make_kernels & kernels) {
            std::vector<float>   row(n, 0.0f), per_size(n, 1.0f);
            std::vector<uint8_t> out(n, 0xff);
            row[n - 1] = odd;
            check(kernels.round_row(row.data(), per_size.data(), n, out.data()) == 0.0f && row == std::vector<float>(n)
                    && out == std::vector<uint8_t>(n, 32), "%s: a row with %g does not become zero", kernels.name, odd);
        });
    }
}

// Numbers follow the formula, and the scale is their least-squares fit.
static void test_make_round(checker & check) {
    std::mt19937 rng(15);
    std::normal_distribution<float> normal;
    for (int32_t n : { 8, 40, 64 }) {
        std::vector<float> bits(n), steps(n);
        for (int32_t i = 0; i < n; i++) {
            bits [i] = (float) (i % 6);
            steps[i] = flash_head_step_of(i % 6)*(1.0f + (float) (i % 4));
        }
        const flash_head_rounder  rounder(bits.data(), steps.data(), n);
        const flash_head_rounding how = rounder.get();
        std::vector<int32_t> products(how.n);
        std::vector<float>   units(how.n), first_decoded;
        double squares = 0;
        int    n_used  = 0;
        for (int32_t i = 0; i < n; i++) {
            products[i] = (int32_t) (1000*normal(rng));
            units[i]    = 0.002f;
            if (bits[i] > 0) {
                squares += pow(products[i]*0.001*flash_head_step_of((int) bits[i])/steps[i], 2);
                n_used++;
            }
        }
        check(how.n_used == n_used, "%d values have bits, expected %d", how.n_used, n_used);
        const double size = sqrt(squares/n_used);
        std::vector<int32_t> first_numbers;
        each_make_kernels([&](const flash_head_make_kernels & kernels) {
            std::vector<float>   values(how.n), decoded(how.n);
            std::vector<int32_t> numbers(how.n, -1);
            const float scale = kernels.round(&how, products.data(), units.data(), 0.5f, values.data(), numbers.data(),
                    decoded.data());
            double with_values = 0, with_itself = 0;
            for (int32_t i = 0; i < how.n; i++) {
                if (i >= n || bits[i] == 0) {
                    check(numbers[i] == 0 && decoded[i] == 0, "%s: value %d has no bits, but is %d", kernels.name, i,
                            numbers[i]);
                    continue;
                }
                const double half = (1 << (int) bits[i])/2.0, value = products[i]*0.001/(size*steps[i]) + half;
                check(numbers[i] >= 0 && numbers[i] < 2*half && (fabs(numbers[i] + 0.5 - value) <= 0.501
                        || (value < 0 && numbers[i] == 0) || (value > 2*half && numbers[i] == 2*half - 1)),
                        "%s: %g became %d", kernels.name, value, numbers[i]);
                with_values += products[i]*0.001*decoded[i];
                with_itself += (double) decoded[i]*decoded[i];
            }
            check(fabs(scale - with_values/with_itself) <= scale/250, "%s: the scale is %g, expected %g", kernels.name,
                    scale, with_values/with_itself);
            first_numbers = first_numbers.empty() ? numbers : first_numbers;
            check(numbers == first_numbers, "%s: the numbers differ", kernels.name);
        });
    }
}

// `finish` subtracts the sums and rounds the rest like `round`. A row that is not finite becomes zeros.
static void test_make_finish(checker & check) {
    std::mt19937 rng(16);
    std::normal_distribution<float> normal;
    const int32_t n = 64;
    std::vector<float>   bits(n, 2.0f), steps(n, 0.9957f), units(n, 0.25f), row(n);
    std::vector<int16_t> sums(n);
    for (int32_t k = 0; k < n; k++) {
        row [k] = normal(rng);
        sums[k] = (int16_t) ((int) (rng() % 9) - 4);
    }
    bits[5] = steps[5] = 0.0f;
    const flash_head_rounder  rounder(bits.data(), steps.data(), n);
    const flash_head_rounding how = rounder.get();
    for (float odd : { 0.0f, NAN, INFINITY, 1e20f }) {
        std::vector<float> given = row;
        given[7] += odd;
        each_make_kernels([&](const flash_head_make_kernels & kernels) {
            std::vector<float>   left = given, decoded(n), squares(2*n, 1.0f);
            std::vector<int32_t> numbers(n);
            const float scale = kernels.finish(left.data(), sums.data(), units.data(), 0.5f, &how, numbers.data(),
                    decoded.data(), squares.data());
            check((scale == 0.0f) == (odd != 0.0f), "%s: a row with %g has the scale %g", kernels.name, odd, scale);
            for (int32_t k = 0; k < n; k++) {
                const double value = odd == 0.0f ? row[k] - 0.125*sums[k] : 0.0;
                const double code  = bits[k] > 0 ? scale*steps[k]*(numbers[k] - 1.5) : 0.0;
                check(fabs(squares[k] - 1 - value*value) <= 1e-5*(1 + value*value), "%s: column %d: wrong square of %g",
                        kernels.name, k, value);
                check(fabs(squares[n + k] - 1 - pow(value - code, 2)) <= 1e-5*(1 + value*value),
                        "%s: column %d: the error is %g, expected %g", kernels.name, k, squares[n + k] - 1,
                        pow(value - code, 2));
            }
        });
    }
}

static void test_make_odd(checker & check) {
    const std::vector<float>   bits(8, 2.0f), steps(8, 1.0f);
    const flash_head_rounder   rounder(bits.data(), steps.data(), 8);
    const flash_head_rounding  how = rounder.get();
    std::vector<int32_t>       products(how.n);
    std::fill_n(products.begin(), 8, 1000);
    for (float odd : { 0.0f, NAN, INFINITY, -INFINITY, 1e36f, 1e-42f }) {
        each_make_kernels([&](const flash_head_make_kernels & kernels) {
            std::vector<float>   units(how.n), values(how.n), decoded(how.n);
            std::vector<int32_t> numbers(how.n);
            std::fill_n(units.begin(), 8, odd);
            const float scale = kernels.round(&how, products.data(), units.data(), 1.0f, values.data(), numbers.data(),
                    decoded.data());
            check(scale == 0.0f && numbers == std::vector<int32_t>(how.n), "%s: units of %g have the scale %g",
                    kernels.name, odd, scale);
        });
    }
    const float no_steps[3] = { 0.0f, NAN, 1e-45f };
    check(flash_head_rounder(bits.data(), no_steps, 3).get().n_used == 0, "values with unusable steps are rounded");
}

static void test_make(checker & check) {
    test_make_project(check);
    test_make_decode(check);
    test_make_read(check);
    test_make_round_row(check);
    test_make_round(check);
    test_make_finish(check);
    test_make_odd(check);
}
