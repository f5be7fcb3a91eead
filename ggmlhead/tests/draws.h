#pragma once

// Statistics of drawn clusters: the law of sampling without replacement by exact enumeration, Pearson's chi-square
// test, and a head small enough for both.

#include <algorithm>
#include <functional>
#include <map>
#include <math.h>
#include <random>
#include <stdint.h>
#include <vector>

// A set of clusters: bit c is cluster c.
typedef uint32_t cluster_set;

typedef std::map<cluster_set, double> set_law; // probability of every set

// The law of n items drawn one after the other, each from softmax(score / temperature) of those that are left. Sums the
// probabilities of all orders of a set.
inline set_law law_of_draws(const std::vector<double> & scores, double temperature, int n) {
    set_law law;
    std::function<void(cluster_set, double, int)> draw = [&](cluster_set drawn, double probability, int left) {
        if (left == 0) {
            law[drawn] += probability;
            return;
        }
        double sum = 0;
        for (size_t c = 0; c < scores.size(); c++) { sum += drawn >> c & 1 ? 0 : exp(scores[c]/temperature); }
        for (size_t c = 0; c < scores.size(); c++) {
            if (!(drawn >> c & 1)) {
                draw(drawn | 1u << c, probability*exp(scores[c]/temperature)/sum, left - 1);
            }
        }
    };
    draw(0, 1.0, n);
    return law;
}

// The upper tail of the chi-square distribution with df degrees of freedom at x (Abramowitz, Stegun: Handbook of
// Mathematical Functions, 26.4.4 and 26.4.5).
inline double chi_square_tail(double x, int df) {
    const bool odd = df % 2 != 0;
    double tail = odd ? erfc(sqrt(x/2))                 : 0.0;
    double term = odd ? sqrt(2*x/acos(-1.0))*exp(-x/2) : exp(-x/2);
    for (int d = odd ? 3 : 2; d <= df; d += 2) {
        tail += term;
        term *= x/d;
    }
    return tail;
}

// The p-value of draws under the law (Pearson's test); 0 if a draw is impossible.
inline double p_value(const std::vector<cluster_set> & draws, const set_law & law) {
    std::map<cluster_set, int> count;
    for (cluster_set s : draws) {
        if (law.count(s) == 0) {
            return 0.0;
        }
        count[s]++;
    }
    double chi_square = 0;
    for (const auto & entry : law) {
        const double expected = entry.second*draws.size();
        chi_square += (count[entry.first] - expected)*(count[entry.first] - expected)/expected;
    }
    return chi_square_tail(chi_square, (int) law.size() - 1);
}

// The smallest expected count of a set among n draws. Pearson's test needs at least 5.
inline double least_expected(const set_law & law, size_t n) {
    double least = 1.0;
    for (const auto & entry : law) { least = std::min(least, entry.second); }
    return least*n;
}

// Pairs of independent draws, and their law.
inline cluster_set pair_of(cluster_set first, cluster_set second) {
    return first << 16 | second;
}

inline set_law law_of_pairs(const set_law & law) {
    set_law pairs;
    for (const auto & first : law) {
        for (const auto & second : law) { pairs[pair_of(first.first, second.first)] = first.second*second.second; }
    }
    return pairs;
}

// A head with 6 clusters. All activations of rows() give the same scores, and exact logits are recognizable.
struct draw_head {
    static const int64_t D = 32, K = 6, V = 20;

    const std::vector<double> scores = { 1.5, -1.0, 0.5, -0.25, 1.0, 0.0 }; // exact in every float type

    std::vector<float>   weight    = std::vector<float>(V*D);
    std::vector<float>   centroids = std::vector<float>(K*D);
    std::vector<int32_t> cluster, tokens, position = std::vector<int32_t>(V), offsets = { 0 };

    draw_head() {
        for (int64_t v = 0; v < V; v++) {
            cluster.push_back((int32_t) (v % K));
            weight[v*D]     = (float) scores[v % K];
            weight[v*D + 1] = MARK;
        }
        for (int64_t c = 0; c < K; c++) {
            centroids[c*D] = (float) scores[c];
            for (int64_t v = c; v < V; v += K) {
                position[v] = (int32_t) tokens.size();
                tokens.push_back((int32_t) v);
            }
            offsets.push_back((int32_t) tokens.size());
        }
    }

    // n different rows of activations [n][D] that give the same scores
    static std::vector<float> rows(int64_t n, uint32_t seed) {
        std::mt19937 rng(seed);
        std::normal_distribution<float> normal;
        std::vector<float> x(n*D);
        for (int64_t i = 0; i < n*D; i++) { x[i] = i % D < 2 ? 1.0f : normal(rng); }
        return x;
    }

    // The exact clusters of each row of logits [n][V]. All bits are set if a cluster is only partly exact.
    static std::vector<cluster_set> sets(const std::vector<float> & logits) {
        std::vector<cluster_set> out;
        for (size_t r = 0; r < logits.size(); r += V) {
            cluster_set exact = 0, background = 0;
            for (int64_t v = 0; v < V; v++) { (logits[r + v] > MARK/2 ? exact : background) |= 1u << v % K; }
            out.push_back(exact & background ? ~0u : exact);
        }
        return out;
    }

private:
    static constexpr float MARK = 1024.0f;
};
