#pragma once

// Tests of encoding a head's rows, against a reference in doubles that decodes bit by bit.

#include "check.h"
#include "encoded-head.h"

#include <set>

// No other allocation of the bits has less distortion.
static void test_coarse_plan(checker & check) {
    const std::vector<float> variances = { 1.0f, 9.0f, 0.3f, 0.0f };
    auto error = [&](const std::vector<float> & bits) {
        double sum = 0;
        for (size_t j = 0; j < bits.size(); j++) { sum += variances[j]*flash_head_distortion_of((int) bits[j]); }
        return sum;
    };
    for (int32_t n_bits = 1; n_bits <= 20; n_bits++) {
        const std::vector<float> bits = flash_head_coarse_plan(variances, n_bits);
        double least = INFINITY;
        for (int code = 0; code < 6*6*6*6; code++) {
            const std::vector<float> other =
                    { (float) (code % 6), (float) (code/6 % 6), (float) (code/36 % 6), (float) (code/216) };
            if (other[0] + other[1] + other[2] + other[3] == n_bits) { least = std::min(least, error(other)); }
        }
        check(bits[0] + bits[1] + bits[2] + bits[3] == n_bits, "%d bits are not all allocated", n_bits);
        check(error(bits) <= least*(1 + 1e-9), "%d bits leave %f, expected %f", n_bits, error(bits), least);
    }
    const std::vector<float> none = flash_head_coarse_plan(std::vector<float>(16, 0.0f), 8);
    check(none[0] == 5 && none[1] == 3 && none[2] == 0, "equal directions do not get their bits in order");
}

// No other plan of lines has less distortion. A column has at most one slot, with the step for its bits.
static void test_fine_plan(checker & check) {
    std::mt19937 rng(2);
    for (int64_t n : { 20, 300, 1000 }) {
        for (int32_t n_bytes : { 0, 32, 160, 512 }) {
            std::vector<double> squares(n);
            std::vector<float>  weights(n);
            for (double & value : squares) { value = pow(1.0 + rng() % 100, 2); }
            for (float  & value : weights) { value = (float) (1 + rng() % 100); }
            squares[3] = 0; // needs no slot
            const flash_head_fine_plan plan = flash_head_fine_plan_of(squares, weights, n_bytes);
            const int32_t * lines = plan.n_lines;
            check((lines[0] + lines[1] + lines[2])*32 == n_bytes && lines[3] == 0, "%d bytes in %d, %d and %d lines",
                    n_bytes, lines[0], lines[1], lines[2]);

            std::set<int64_t> seen;
            double got = 0;
            for (int64_t i = 0; i < n; i++) { got += squares[i]*weights[i]; }
            for (int s = 0; s < 8*n_bytes; s++) {
                const int bits = s < 64*lines[0] ? 4 : s < 64*lines[0] + 128*lines[1] ? 2 : 1;
                const int64_t column = (int64_t) plan.columns[s];
                if (column < 0) {
                    check(plan.columns[s] == -1 && plan.steps[s] == 0, "slot %d is empty, with step %f", s,
                            plan.steps[s]);
                    continue;
                }
                check(column < n && column != 3 && seen.insert(column).second, "column %d in slot %d", (int) column, s);
                check(fabs(plan.steps[s] - flash_head_step_of(bits)*sqrt(squares[column])) <= 1e-5*plan.steps[s],
                        "slot %d has the step %f", s, plan.steps[s]);
                got -= squares[column]*weights[column]*(1.0 - flash_head_distortion_of(bits));
            }
            std::vector<double> sorted;
            for (int64_t i = 0; i < n; i++) { sorted.push_back(squares[i]*weights[i]); }
            std::sort(sorted.begin(), sorted.end(), std::greater<double>());
            double least = INFINITY;
            for (int four = 0; four*32 <= n_bytes; four++) {
                for (int two = 0; (four + two)*32 <= n_bytes; two++) {
                    const int one = n_bytes/32 - four - two;
                    double sum = 0;
                    for (int64_t i = 0; i < n; i++) {
                        const int bits = i < 64*four ? 4 : i < 64*four + 128*two ? 2
                                       : i < 64*four + 128*two + 256*one ? 1 : 0;
                        sum += sorted[i]*flash_head_distortion_of(bits);
                    }
                    least = std::min(least, sum);
                }
            }
            check(got <= least*(1 + 1e-9), "%d bytes for %d columns leave %g, expected %g", n_bytes, (int) n, got,
                    least);
        }
    }
}

// The number that value rounds to.
static int rounded(double value, int bits) {
    const double half = 1 << (bits - 1);
    return (int) (std::min(std::max(floor(value), -half), half - 1) + half);
}

// Whether value rounds to number. Within `near` of a boundary both neighbours count.
static bool is_rounded(double value, int number, int bits, double near) {
    return number == rounded(value, bits) || number == rounded(value - near, bits)
        || number == rounded(value + near, bits);
}

// The least-squares scale of decoded for values.
static double fitted(const std::vector<double> & values, const std::vector<double> & decoded) {
    double with_values = 0, with_itself = 0;
    for (size_t i = 0; i < values.size(); i++) {
        with_values += values[i]*decoded[i];
        with_itself += decoded[i]*decoded[i];
    }
    return with_values/with_itself;
}

// The squared error of the numbers for y, with the best scale.
static double left_by(const encoded_head & h, const std::vector<double> & y, const std::vector<int> & numbers) {
    std::vector<double> decoded(y.size());
    for (int32_t j = 0; j < h.map.n_directions; j++) {
        decoded[j] = h.step(j)*h.middle(numbers[j], (int) h.parts().bits[j]);
    }
    const double scale = fitted(y, decoded);
    double sum = 0;
    for (size_t j = 0; j < y.size(); j++) { sum += pow(y[j] - scale*decoded[j], 2); }
    return sum;
}

// Checks both codes of a token.
static void check_token(checker & check, const encoded_head & h, int64_t v) {
    const auto b = h.parts();
    const std::vector<double> y = h.products(h.residual(v));
    const std::vector<int> numbers = h.coarse_numbers(v);
    std::vector<double> values, decoded;
    double squares = 0;
    for (int32_t j = 0; j < h.map.n_directions; j++) {
        if (b.bits[j] > 0) {
            values .push_back(y[j]);
            decoded.push_back(h.step(j)*h.middle(numbers[j], (int) b.bits[j]));
            squares += y[j]*y[j]/h.map.code_variances[j];
        }
    }
    double size = sqrt(squares/values.size());
    for (int32_t j = 0; j < h.map.n_directions; j++) {
        if (b.bits[j] > 0) {
            // products are of rounded rows and directions
            check(is_rounded(y[j]/(size*h.step(j)), numbers[j], (int) b.bits[j], 1.0),
                    "token %d, direction %d: %f became %d", (int) v, j, y[j]/(size*h.step(j)), numbers[j]);
        }
    }
    check(fabs(h.coarse_scale(v) - fitted(values, decoded)) <= 0.02*h.coarse_scale(v),
            "token %d has the scale %f, expected %f", (int) v, h.coarse_scale(v), fitted(values, decoded));

    const std::vector<double> left = h.after_coarse(v);
    values .clear();
    decoded.clear();
    squares = 0;
    h.each_slot(v, [&](int s, int bits, int number) {
        if (b.columns[s] >= 0) {
            values .push_back(left[(int64_t) b.columns[s]]);
            decoded.push_back(b.steps[s]*h.middle(number, bits));
            squares += pow(values.back()/b.steps[s]*flash_head_step_of(bits), 2);
        }
    });
    if (values.empty()) {
        check(h.fine_scale(v) == 0, "a missing fine code has the scale %f", h.fine_scale(v));
        return;
    }
    size = sqrt(squares/values.size());
    h.each_slot(v, [&](int s, int bits, int number) {
        if (b.columns[s] >= 0) {
            const double value = left[(int64_t) b.columns[s]]/(size*b.steps[s]);
            check(is_rounded(value, number, bits, 1e-2*(1 + fabs(value))), "token %d, slot %d: %f became %d",
                    (int) v, s, value, number);
        } else {
            check(number == 0, "token %d: empty slot %d holds %d", (int) v, s, number);
        }
    });
    check(fabs(h.fine_scale(v) - fitted(values, decoded)) <= fabs(h.fine_scale(v))/128,
            "token %d has the fine scale %f", (int) v, h.fine_scale(v));
}

static void check_basis(checker & check, const encoded_head & h) {
    const auto b = h.parts();
    const std::vector<float> bits = flash_head_coarse_plan(h.map.code_variances, h.map.coarse_bits);
    check(std::equal(bits.begin(), bits.end(), b.bits), "the bits differ from the plan");
    std::vector<double> squares[2] = { std::vector<double>(h.D), std::vector<double>(h.D) };
    for (int64_t v = 0; v < h.V; v++) {
        const std::vector<double> left[2] = { h.after_coarse(v), h.after_fine(v) };
        for (int64_t i = 0; i < h.D; i++) {
            squares[0][i] += left[0][i]*left[0][i]/h.V;
            squares[1][i] += left[1][i]*left[1][i]/h.V;
        }
    }
    for (int64_t i = 0; i < h.D; i++) {
        for (int32_t j = 0; j < h.map.n_directions; j++) {
            const double expected = h.map.code_activations[j*h.D + i]*h.step(j);
            check(fabs(b.projection[i*h.map.n_directions + j] - expected) <= 1e-5*fabs(expected),
                    "direction %d, column %d: %f, expected %f", j, (int) i, b.projection[i*h.map.n_directions + j],
                    expected);
        }
        for (int k = 0; k < 2; k++) {
            check(fabs(b.variances[k*h.D + i] - squares[k][i]) <= 1e-2*squares[k][i],
                    "column %d: variance %g, expected %g", (int) i, b.variances[k*h.D + i], squares[k][i]);
        }
    }
}

static void test_encode(checker & check) {
    struct { int64_t D, V, K; int32_t n, bits, bytes; } shapes[] = {
        { 37, 150, 5, 12, 32, 32 }, { 64, 128, 3, 16, 80, 96 }, { 40, 70, 2, 8, 8, 0 },
    };
    for (const auto & s : shapes) {
        encoded_head h(s.D, s.V, s.K, s.n, s.bits, s.bytes);
        h.encode(2);
        check_basis(check, h);
        for (int64_t v = 0; v < h.V; v++) {
            check_token(check, h, v);
        }
        for (int64_t t = h.V; t < (h.V + 63)/64*64; t++) { // padding of the last group
            check(h.coarse_scale(t) == 0, "padding token %d has the scale %f", (int) t, h.coarse_scale(t));
        }
    }
}

// Rounding of rows and directions adds little error over exact products.
static void test_encode_rounding(checker & check) {
    encoded_head h(96, 400, 7, 24, 80, 32);
    h.encode(2);
    double left = 0, least = 0;
    for (int64_t v = 0; v < h.V; v++) {
        const std::vector<double> y = h.products(h.residual(v));
        double squares = 0;
        int    n_used  = 0;
        for (int32_t j = 0; j < h.map.n_directions; j++) {
            squares += h.parts().bits[j] > 0 ? y[j]*y[j]/h.map.code_variances[j] : 0;
            n_used  += h.parts().bits[j] > 0;
        }
        std::vector<int> numbers(y.size());
        for (int32_t j = 0; j < h.map.n_directions; j++) {
            const int bits = (int) h.parts().bits[j];
            numbers[j] = bits > 0 ? rounded(y[j]/(sqrt(squares/n_used)*h.step(j)), bits) : 0;
        }
        left  += left_by(h, y, h.coarse_numbers(v));
        least += left_by(h, y, numbers);
    }
    check(left <= 1.03*least, "rounded products leave %f, exact ones %f", left, least);
    check(left >= 0.97*least, "exact products leave %f, rounded ones %f", least, left);
}

// The number of threads and the order of the rows change nothing.
static void test_encode_same(checker & check) {
    encoded_head first(72, 10003, 90, 24, 64, 64); // more rows than the sample
    first.encode(1);
    for (int n_threads : { 1, 2, 3, 16 }) {
        for (flash_head_order order : { FLASH_HEAD_BY_TOKEN, FLASH_HEAD_BY_CLUSTER }) {
            encoded_head h = first;
            h.encode(n_threads, order);
            check(h.coarse == first.coarse && h.fine == first.fine && h.basis == first.basis,
                    "%d threads, or rows in the order %d, change the codes", n_threads, (int) order);
        }
    }
}

// A weight of any type has the codes of its values as floats. Some types have their own way to read rows.
static void test_encode_types(checker & check) {
    encoded_head h(256, 150, 5, 16, 48, 64);
    std::vector<uint8_t> centroids(ggml_row_size(GGML_TYPE_Q4_0, h.D)*h.K), weight;
    ggml_quantize_chunk(GGML_TYPE_Q4_0, h.centroids.data(), centroids.data(), 0, h.K, h.D, nullptr);
    for (ggml_type type : { GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q6_K }) {
        weight.resize(ggml_row_size(type, h.D)*h.V);
        ggml_quantize_chunk(type, h.weight.data(), weight.data(), 0, h.V, h.D, nullptr);
        ggml_get_type_traits(type)->to_float(weight.data(), h.ordered.data(), h.V*h.D);
        std::vector<uint8_t> coarse, fine;
        for (bool floats : { true, false }) {
            const void * data = floats ? (const void *) h.ordered.data() : weight.data();
            h.encode(2);
            flash_head_encode(h.map, { data, FLASH_HEAD_BY_TOKEN, floats ? GGML_TYPE_F32 : type, h.D }, GGML_TYPE_Q4_0,
                    centroids.data(), { h.coarse.data(), h.fine.data(), h.basis.data() }, 2);
            check(floats || (h.coarse == coarse && h.fine == fine), "%s: the codes differ from those of floats",
                    ggml_type_name(type));
            coarse = h.coarse;
            fine   = h.fine;
        }
    }
}

// Rows, centroids and directions that are not finite or too large: scales become 0, and the basis stays finite.
static void test_encode_hostile(checker & check) {
    for (float bad : { NAN, INFINITY, -INFINITY, 3e38f, -1e20f }) {
        encoded_head h(40, 200, 5, 16, 40, 64);
        const int32_t of_row = h.map.cluster[77], of_centroid = (of_row + 1) % 5;
        h.weight[77*h.D + 3]               = bad;
        h.centroids[of_centroid*h.D + 39] = bad;
        h.encode(2);
        for (int64_t v = 0; v < h.V; v++) {
            const bool none = v == 77 || h.map.cluster[v] == of_centroid;
            check((h.coarse_scale(v) == 0) == none && (h.fine_scale(v) == 0) == none,
                    "%f: token %d has the scales %f and %f", bad, (int) v, h.coarse_scale(v), h.fine_scale(v));
        }
        check(std::all_of(h.basis.begin(), h.basis.end(), [](float f) { return isfinite(f); }), "%f is in the basis",
                bad);
    }
    for (float large : { 3.4e38f, 1e-38f, 0.0f }) { // finite, so that files may have them
        for (int what = 0; what < 4; what++) {
            encoded_head h(40, 200, 5, 16, 40, 64);
            std::vector<float> * all[] =
                    { &h.map.code_rows, &h.map.code_activations, &h.map.code_variances, &h.map.code_weights };
            std::fill(all[what]->begin(), all[what]->end(), large);
            h.encode(2);
            for (int64_t v = 0; v < h.V; v++) {
                check(isfinite(h.coarse_scale(v)) && isfinite(h.fine_scale(v)),
                        "%g: token %d has the scales %f and %f", large, (int) v, h.coarse_scale(v), h.fine_scale(v));
            }
            const auto b = h.parts();
            check(std::all_of(b.variances, b.variances + 2*h.D, [](float f) { return isfinite(f); }),
                    "%g makes a variance that is not finite", large);
        }
    }
}

static void test_codes(checker & check) {
    test_coarse_plan(check);
    test_fine_plan(check);
    test_encode(check);
    test_encode_rounding(check);
    test_encode_same(check);
    test_encode_types(check);
    test_encode_hostile(check);
}
