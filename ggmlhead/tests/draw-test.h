#pragma once

// Tests that clusters are drawn from softmax(score / T) without replacement, for any implementation.

#include "check.h"
#include "draws.h"

#include <string>

// The logits [n][V] of draw_head for x [n][D] in mode sample.
typedef std::function<std::vector<float>(int32_t n_probe, float temperature, uint32_t seed,
        const std::vector<float> & x, int n_threads)> draw_logits;

// A correct program fails a check with this probability. Seeds are fixed, so it fails always or never.
static const double ERROR_LEVEL = 1e-6;

static const int N_DRAWS = 24000;

// Checks that draws of n clusters follow the law for temperature, and do not fit temperatures that are 10 % off.
static void check_law(checker & check, const std::string & what, const std::vector<cluster_set> & draws,
        const std::vector<double> & scores, double temperature, int n) {
    const set_law law = law_of_draws(scores, temperature, n);
    check(least_expected(law, draws.size()) >= 5.0, "%s: %d draws are too few for the test", what.c_str(),
            (int) draws.size());

    const double p = p_value(draws, law);
    check(p >= ERROR_LEVEL, "%s: %d clusters at T = %g do not follow the law: p = %g", what.c_str(), n,
            temperature, p);
    for (double off : { 0.9, 1.1 }) {
        const double q = p_value(draws, law_of_draws(scores, temperature*off, n));
        check(q < ERROR_LEVEL, "%s: %d clusters at T = %g also fit T = %g: p = %g", what.c_str(), n,
                temperature, temperature*off, q);
    }
}

// The p-value of pairs of single clusters under the law of independent draws.
static double p_value_of_pairs(checker & check, const std::vector<cluster_set> & first,
        const std::vector<cluster_set> & second, const set_law & law) {
    std::vector<cluster_set> pairs;
    for (size_t i = 0; i < first.size(); i++) { pairs.push_back(pair_of(first[i], second[i])); }
    const set_law expected = law_of_pairs(law);
    check(least_expected(expected, pairs.size()) >= 5.0, "%d pairs are too few for the test", (int) pairs.size());
    return p_value(pairs, expected);
}

// Every second draw, starting at `from`.
static std::vector<cluster_set> every_second(const std::vector<cluster_set> & draws, size_t from) {
    std::vector<cluster_set> out;
    for (size_t i = from; i < draws.size(); i += 2) { out.push_back(draws[i]); }
    return out;
}

// Tests the draws of `run`: over many seeds, over many activations, and for independence.
static void test_draws(checker & check, const draw_logits & run) {
    const draw_head head;
    const std::vector<float> one = draw_head::rows(1, 1), many = draw_head::rows(N_DRAWS, 2);
    const std::vector<float> few(many.begin(), many.begin() + 101*draw_head::D);

    for (float temperature : { 0.8f, 1.5f }) {
        for (int n = 1; n <= 3; n++) {
            auto draw = [&](uint32_t seed, const std::vector<float> & x, int n_threads) {
                return draw_head::sets(run(n, temperature, seed, x, n_threads));
            };
            std::vector<cluster_set> by_seed;
            for (int seed = 0; seed < N_DRAWS; seed++) { by_seed.push_back(draw(seed, one, 1)[0]); }
            const std::vector<cluster_set> by_row = draw(5, many, 1), other = draw(6, many, 1);

            check_law(check, "many seeds",       by_seed, head.scores, temperature, n);
            check_law(check, "many activations", by_row,  head.scores, temperature, n);
            const std::vector<cluster_set> again(by_row.begin(), by_row.begin() + 101);
            check(draw(5, few, 1) == again, "%d clusters: the same seed and activations give other draws", n);
            check(draw(5, few, 3) == again, "%d clusters: 3 threads change the draws", n);
            check(draw(7, one, 3)[0] == by_seed[7], "%d clusters: 3 threads change the draws of a single row", n);
            check(other != by_row, "%d clusters: another seed gives the same draws", n);
            if (n > 1) {
                continue; // too many pairs of sets
            }
            const set_law law = law_of_draws(head.scores, temperature, 1);
            double p = p_value_of_pairs(check, by_row, other, law);
            check(p >= ERROR_LEVEL, "draws with two seeds are not independent: p = %g", p);
            p = p_value_of_pairs(check, every_second(by_seed, 0), every_second(by_seed, 1), law);
            check(p >= ERROR_LEVEL, "draws with consecutive seeds are not independent: p = %g", p);
            p = p_value_of_pairs(check, every_second(by_row, 0), every_second(by_row, 1), law);
            check(p >= ERROR_LEVEL, "draws for different activations are not independent: p = %g", p);
        }
    }
}
