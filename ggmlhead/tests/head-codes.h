#pragma once

// Tests of making codes from a head's rows, against a reference in doubles that reads the codes bit by bit.

#include "check.h"

#include "flash-head-basis.h"
#include "flash-head-encode.h"
#include "flash-head-group.h"

#include <algorithm>
#include <math.h>
#include <random>
#include <set>
#include <string.h>

// A head with codes: rows around their clusters' centroids, orthonormal directions of a diagonal metric.
struct encoded_head {
    int64_t D, V, K;
    flash_head_map map;
    std::vector<float>    weight, ordered, centroids; // F32
    std::vector<uint8_t>  coarse, fine;
    std::vector<float>    basis;

    encoded_head(int64_t D, int64_t V, int64_t K, int32_t n, int32_t coarse_bits, int32_t fine_bytes)
        : D(D), V(V), K(K), weight(V*D), ordered(V*D), centroids(K*D) {
        std::mt19937 rng(1);
        std::normal_distribution<float> normal;
        map.n_cluster    = K;
        map.n_directions = (n + 7)/8*8;
        map.coarse_bits  = coarse_bits;
        map.fine_bytes   = fine_bytes;
        for (int64_t v = 0; v < V; v++) {
            map.cluster.push_back((int32_t) ((v*7919) % K));
        }
        flash_head_map_sort(map);
        make_directions(n, rng);
        for (int64_t v = 0; v < V; v++) {
            const float size = 0.5f + (float) (v % 4);
            for (int32_t j = 0; j < n; j++) {
                const float y = size*normal(rng)*sqrtf(map.code_variances[j]);
                for (int64_t i = 0; i < D; i++) {
                    weight[v*D + i] += y*map.code_activations[j*D + i];
                }
            }
            for (int64_t i = 0; i < D; i++) {
                weight[v*D + i] += 0.2f*size*normal(rng)/(1.0f + (float) i/8) + (float) map.cluster[v];
            }
        }
        for (int64_t pos = 0; pos < V; pos++) {
            std::copy_n(&weight[map.tokens[pos]*D], D, &ordered[pos*D]);
        }
        flash_head_build_centroids(map, rows(), GGML_TYPE_F32, centroids.data(), 1);
    }

    flash_head_weight_rows rows() const { return { weight.data(), FLASH_HEAD_BY_TOKEN, GGML_TYPE_F32, D }; }

    void encode(int n_threads, flash_head_order order = FLASH_HEAD_BY_TOKEN) {
        const flash_head_code_sizes sizes(map, D);
        coarse.assign(sizes.coarse, 0xaa);
        fine  .assign(sizes.fine,   0xaa);
        basis .assign(sizes.basis/sizeof(float), NAN);
        const float * data = order == FLASH_HEAD_BY_TOKEN ? weight.data() : ordered.data();
        flash_head_encode(map, { data, order, GGML_TYPE_F32, D }, GGML_TYPE_F32, centroids.data(),
                { coarse.data(), fine.data(), basis.data() }, n_threads);
    }

    flash_head_basis_parts<const float> parts() const {
        return flash_head_basis_at((const float *) basis.data(), D, map.n_directions, map.fine_bytes);
    }

    float coarse_scale(int64_t v) const {
        return scale_at(coarse.data() + v/64*flash_head_coarse_group_size(map.coarse_bits) + v%64*2);
    }

    float fine_scale(int64_t v) const { return scale_at(fine.data() + V*map.fine_bytes + 2*v); }

    // the numbers of token v's directions
    std::vector<int> coarse_numbers(int64_t v) const {
        const uint8_t * lines = coarse.data() + v/64*flash_head_coarse_group_size(map.coarse_bits) + 128;
        std::vector<int> out(map.n_directions);
        int at = 0;
        for (int32_t j = 0; j < map.n_directions; j++) {
            for (int k = 0; k < (int) parts().bits[j]; k++, at++) {
                out[j] = out[j]*2 + (lines[at/4*32 + v%64%32] >> (v%64/32*4 + at%4) & 1);
            }
        }
        return out;
    }

    // calls visit(slot, bits, number) for the slots of token v
    template <typename F> void each_slot(int64_t v, const F & visit) const {
        const uint8_t * code = fine.data() + v*map.fine_bytes;
        int first = 0;
        for (int w = 0; w < 3; w++) {
            const int bits = 4 >> w, per_line = 256/bits;
            for (int s = 0; s < (int) parts().n_lines[w]*per_line; s++, first++) {
                visit(first, bits, code[s/per_line*32 + s%per_line%32] >> (s%per_line/32*bits) & ((1 << bits) - 1));
            }
            code += (int) parts().n_lines[w]*32;
        }
    }

    std::vector<double> residual(int64_t v) const {
        std::vector<double> out(D);
        for (int64_t i = 0; i < D; i++) {
            out[i] = (double) weight[v*D + i] - centroids[map.cluster[v]*D + i];
        }
        return out;
    }

    // [n]: of a residual, the products with the directions
    std::vector<double> products(const std::vector<double> & r) const {
        std::vector<double> out(map.n_directions);
        for (int32_t j = 0; j < map.n_directions; j++) {
            for (int64_t i = 0; i < D; i++) { out[j] += r[i]*map.code_rows[j*D + i]; }
        }
        return out;
    }

    double step(int32_t j) const {
        return flash_head_step_of((int) parts().bits[j])*sqrt((double) map.code_variances[j]);
    }

    // residual minus what token v's coarse code stands for
    std::vector<double> after_coarse(int64_t v) const {
        std::vector<double> out = residual(v);
        const std::vector<int> numbers = coarse_numbers(v);
        for (int32_t j = 0; j < map.n_directions; j++) {
            const double y = coarse_scale(v)*step(j)*middle(numbers[j], (int) parts().bits[j]);
            for (int64_t i = 0; i < D; i++) { out[i] -= y*map.code_activations[j*D + i]; }
        }
        return out;
    }

    // and minus the fine code
    std::vector<double> after_fine(int64_t v) const {
        std::vector<double> out = after_coarse(v);
        each_slot(v, [&](int s, int bits, int number) {
            if (parts().columns[s] >= 0) {
                out[(int64_t) parts().columns[s]] -= (double) fine_scale(v)*parts().steps[s]*middle(number, bits);
            }
        });
        return out;
    }

    // the mean of squares, weighed as the logits' errors are
    template <typename F> double error(const F & left) const {
        double sum = 0;
        for (int64_t v = 0; v < V; v++) {
            const std::vector<double> values = left(v);
            for (int64_t i = 0; i < D; i++) { sum += values[i]*values[i]*map.code_weights[i]/V; }
        }
        return sum;
    }

    static double middle(int number, int bits) { return number - ((1 << bits) - 1)/2.0; }

private:
    static float scale_at(const uint8_t * p) {
        uint16_t upper;
        memcpy(&upper, p, sizeof(upper));
        return flash_head_upper_to_float(upper);
    }

    // rows = L q, activations = L^-1 q of orthonormal q and a diagonal L; missing ones are zero
    void make_directions(int32_t n, std::mt19937 & rng) {
        std::normal_distribution<double> normal;
        map.code_rows       .resize(map.n_directions*D);
        map.code_activations.resize(map.n_directions*D);
        map.code_variances  .resize(map.n_directions);
        for (int64_t i = 0; i < D; i++) { map.code_weights.push_back(0.1f + (float) (i*7 % 5)); }
        std::vector<std::vector<double>> q;
        for (int32_t j = 0; j < n; j++) {
            std::vector<double> d(D);
            for (double & value : d) { value = normal(rng); }
            double norm = 0;
            for (const std::vector<double> & other : q) {
                double product = 0;
                for (int64_t i = 0; i < D; i++) { product += d[i]*other[i]; }
                for (int64_t i = 0; i < D; i++) { d[i] -= product*other[i]; }
            }
            for (double value : d) { norm += value*value; }
            for (double & value : d) { value /= sqrt(norm); }
            q.push_back(d);
            for (int64_t i = 0; i < D; i++) {
                const double l = sqrt(map.code_weights[i]);
                map.code_rows       [j*D + i] = (float) (d[i]*l);
                map.code_activations[j*D + i] = (float) (d[i]/l);
            }
            map.code_variances[j] = 4.0f/(float) ((1 + j)*(1 + j));
        }
    }
};

// The bits leave as little as any other distribution.
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
        check(bits[0] + bits[1] + bits[2] + bits[3] == n_bits, "%d bits become another number", n_bits);
        check(error(bits) <= least*(1 + 1e-9), "%d bits leave %f, not %f", n_bits, error(bits), least);
    }
    const std::vector<float> none = flash_head_coarse_plan(std::vector<float>(16, 0.0f), 8);
    check(none[0] == 5 && none[1] == 3 && none[2] == 0, "equal directions are not taken one after the other");
}

// The lines leave as little as any other, each column has one slot at most, and its step fits its slot.
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
            check(got <= least*(1 + 1e-9), "%d bytes for %d columns leave %g, not %g", n_bytes, (int) n, got, least);
        }
    }
}

// whether number is value rounded to bits, or value lies so near to the next that either will do
static bool is_rounded(double value, int number, int bits) {
    const double half = 1 << (bits - 1);
    for (double near : { value, value - 1e-3*(1 + fabs(value)), value + 1e-3*(1 + fabs(value)) }) {
        if (number == (int) (std::min(std::max(floor(near), -half), half - 1) + half)) {
            return true;
        }
    }
    return false;
}

// whether scale is the best, up to its rounding, for values that decode to the decoded ones
static bool is_fitted(float scale, const std::vector<double> & values, const std::vector<double> & decoded) {
    double with_values = 0, with_itself = 0;
    for (size_t i = 0; i < values.size(); i++) {
        with_values += values[i]*decoded[i];
        with_itself += decoded[i]*decoded[i];
    }
    return fabs(scale - with_values/with_itself) <= fabs(scale)/128;
}

// what the codes of a token are
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
            check(is_rounded(y[j]/(size*h.step(j)), numbers[j], (int) b.bits[j]), "token %d, direction %d: %f is %d",
                    (int) v, j, y[j]/(size*h.step(j)), numbers[j]);
        }
    }
    check(is_fitted(h.coarse_scale(v), values, decoded), "token %d has the scale %f", (int) v, h.coarse_scale(v));

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
        check(h.fine_scale(v) == 0, "no fine code has the scale %f", h.fine_scale(v));
        return;
    }
    size = sqrt(squares/values.size());
    h.each_slot(v, [&](int s, int bits, int number) {
        if (b.columns[s] >= 0) {
            const double value = left[(int64_t) b.columns[s]]/(size*b.steps[s]);
            check(is_rounded(value, number, bits), "token %d, slot %d: %f is %d", (int) v, s, value, number);
        } else {
            check(number == 0, "token %d: empty slot %d has %d", (int) v, s, number);
        }
    });
    check(is_fitted(h.fine_scale(v), values, decoded), "token %d has the fine scale %f", (int) v, h.fine_scale(v));
}

static void check_basis(checker & check, const encoded_head & h) {
    const auto b = h.parts();
    const std::vector<float> bits = flash_head_coarse_plan(h.map.code_variances, h.map.coarse_bits);
    check(std::equal(bits.begin(), bits.end(), b.bits), "the bits are not those of the plan");
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
                    "direction %d, column %d: %f, not %f", j, (int) i, b.projection[i*h.map.n_directions + j],
                    expected);
        }
        for (int k = 0; k < 2; k++) {
            check(fabs(b.variances[k*h.D + i] - squares[k][i]) <= 1e-3*squares[k][i], "column %d: variance %g, not %g",
                    (int) i, b.variances[k*h.D + i], squares[k][i]);
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
        for (int64_t t = h.V; t < (h.V + 63)/64*64; t++) { // missing tokens
            check(h.coarse_scale(t) == 0, "missing token %d has the scale %f", (int) t, h.coarse_scale(t));
        }
    }
}

// more bits leave less
static void test_encode_error(checker & check) {
    double before = INFINITY;
    for (int32_t bits : { 8, 24, 48, 80 }) {
        encoded_head h(48, 300, 7, 16, bits, 32);
        h.encode(2);
        const double coarse = h.error([&](int64_t v) { return h.after_coarse(v); });
        const double fine   = h.error([&](int64_t v) { return h.after_fine(v); });
        check(coarse < 0.9*before, "%d bits leave %f, fewer %f", bits, coarse, before);
        check(fine < 0.6*coarse, "of %f 32 bytes leave %f", coarse, fine);
        before = coarse;
    }
    before = INFINITY;
    for (int32_t bytes : { 0, 32, 64, 96 }) {
        encoded_head h(200, 300, 7, 16, 24, bytes);
        h.encode(2);
        const double fine = h.error([&](int64_t v) { return h.after_fine(v); });
        check(fine < 0.9*before, "%d bytes leave %f, fewer %f", bytes, fine, before);
        before = fine;
    }
}

// the number of threads and the order of the rows change nothing
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

// Numbers that are none, or too large, in rows, centroids and directions: scales of 0, and a basis of numbers.
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
                    "%g makes a variance that is no number", large);
        }
    }
}

static void test_codes(checker & check) {
    test_coarse_plan(check);
    test_fine_plan(check);
    test_encode(check);
    test_encode_error(check);
    test_encode_same(check);
    test_encode_hostile(check);
}
