// Tests of the core alone.

#include "check.h"
#include "core-run.h"
#include "draw-test.h"

#include "flash-head-select.h"

#include <algorithm>
#include <math.h>
#include <random>
#include <vector>

static checker check;

// The indices of the n best keys, by sorting.
static std::vector<int32_t> best(const std::vector<int32_t> & keys, int64_t n) {
    std::vector<int32_t> order(keys.size());
    for (size_t i = 0; i < order.size(); i++) { order[i] = (int32_t) i; }
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return keys[a] > keys[b]; });
    order.resize(n);
    std::sort(order.begin(), order.end());
    return order;
}

static void check_select(const char * what, const std::vector<float> & scores) {
    std::vector<int32_t> keys;
    for (float s : scores) { keys.push_back(flash_head_key(s)); }
    for (int64_t n : { (int64_t) 1, (int64_t) 2, (int64_t) keys.size()/3, (int64_t) keys.size() - 1,
            (int64_t) keys.size() }) {
        if (n < 1 || n > (int64_t) keys.size()) { continue; }
        const flash_head_threshold threshold = flash_head_select(keys.data(), keys.size(), n);
        check(flash_head_nth_best(keys.data(), keys.size(), n, 0) == threshold.key,
                "%s: wrong %d-th best of %d", what, (int) n, (int) keys.size());
        const int32_t about = flash_head_nth_best(keys.data(), keys.size(), n, n/10 + 1);
        const int64_t n_about = std::count_if(keys.begin(), keys.end(), [&](int32_t key) { return key >= about; });
        check(about == threshold.key || (n_about >= n && n_about <= n + n/10 + 1), "%s: about %d of %d came out as %d",
                what, (int) n, (int) keys.size(), (int) n_about);
        std::vector<int32_t> got;
        for (size_t i = 0; i < keys.size(); i++) {
            if (flash_head_selected(threshold, keys[i], (int32_t) i)) { got.push_back((int32_t) i); }
        }
        check(got == best(keys, n), "%s: wrong set of the %d best of %d", what, (int) n, (int) keys.size());
    }
}

static void test_select() {
    std::mt19937 rng(3);
    std::normal_distribution<float> normal;
    for (size_t n : { 1, 2, 7, 1000, 20000 }) {
        std::vector<float> wide(n), narrow(n), tied(n), odd(n);
        for (size_t i = 0; i < n; i++) {
            wide[i]   = normal(rng)*powf(10.0f, normal(rng)*5);
            narrow[i] = 5.0f + normal(rng)*1e-4f; // one bin of the first digit
            tied[i]   = (float) (rng() % 3);
            odd[i]    = i % 5 == 0 ? NAN : i % 7 == 0 ? INFINITY : i % 11 == 0 ? -INFINITY : -normal(rng);
        }
        check_select("wide", wide);
        check_select("narrow", narrow);
        check_select("tied", tied);
        check_select("odd", odd);
    }
    for (float s : { 0.0f, -0.0f, 1.5f, -3e30f, INFINITY, -INFINITY }) {
        check(flash_head_score_of_key(flash_head_key(s)) == s, "the score of the key of %f is %f", s,
                flash_head_score_of_key(flash_head_key(s)));
    }
    check(isnan(flash_head_score_of_key(flash_head_key(NAN))), "the score of the key of NaN is %f",
            flash_head_score_of_key(flash_head_key(NAN)));
    check(flash_head_key(-0.5f) < flash_head_key(-0.25f) && flash_head_key(-0.25f) < flash_head_key(0.0f)
       && flash_head_key(0.0f) < flash_head_key(1e-30f)
       && flash_head_key(NAN) < flash_head_key(-INFINITY), "keys are not in the order of the scores");
}

// The number of threads does not change logits. Each is exact or its centroid's score.
static void test_compute() {
    const int64_t D = 24, V = 1003, K = 61, N = 27;
    std::mt19937 rng(1);
    std::normal_distribution<float> normal;
    std::vector<float> weight(V*D), centroids(K*D), x(N*D);
    for (float & v : weight)    { v = normal(rng); }
    for (float & v : centroids) { v = normal(rng); }
    for (float & v : x)         { v = normal(rng); }

    std::vector<int32_t> cluster(V), position(V), tokens, offsets(1, 0), pinned = { 0, 77, 500, 1002 };
    for (int64_t v = 0; v < V; v++) { cluster[v] = (int32_t) (v % K); }
    for (int64_t c = 0; c < K; c++) {
        for (int64_t v = c; v < V; v += K) {
            position[v] = (int32_t) tokens.size();
            tokens.push_back((int32_t) v);
        }
        offsets.push_back((int32_t) tokens.size());
    }
    const flash_head_dot f32 = { dot, copy, D*sizeof(float), D*sizeof(float) };
    const flash_head head = { D, V, K, (int64_t) pinned.size(), weight.data(), nullptr, centroids.data(),
                              cluster.data(), position.data(), tokens.data(), offsets.data(), pinned.data(), {},
                              nullptr, f32, f32, 0 };

    for (int mode : { FLASH_HEAD_MODE_TOP, FLASH_HEAD_MODE_SAMPLE }) {
        const flash_head_params params = { 7, mode, 0.8f, 5, 0, 0.0f };
        std::vector<float> expected;
        std::vector<int64_t> scored_by; // by each number of threads
        for (int nth : { 1, 2, 5 }) {
            int64_t n_scored = 0;
            const std::vector<float> logits = compute(head, params, x, nth, &n_scored);
            if (nth == 1) {
                expected = logits;
            }
            scored_by.push_back(n_scored);
            check(logits == expected, "mode %d: %d threads change the logits", mode, nth);
        }
        int64_t n_all = 0;
        for (int64_t r = 0; r < N; r++) {
            int64_t n_exact = 0;
            for (int64_t v = 0; v < V; v++) {
                float exact, background;
                dot(D, &exact,      0, &weight[v*D],             0, &x[r*D], 0, 1);
                dot(D, &background, 0, &centroids[cluster[v]*D], 0, &x[r*D], 0, 1);
                const float got = expected[r*V + v];
                check(got == exact || got == background,
                        "row %d, token %d: %f is neither exact (%f) nor background (%f)", (int) r, (int) v, got, exact,
                        background);
                n_exact += got == exact;
            }
            // 7 clusters of 16 or 17 tokens, and the pinned ones outside them
            check(n_exact >= 7*16 && n_exact <= 7*17 + (int64_t) pinned.size(), "row %d: %d tokens are exact", (int) r,
                    (int) n_exact);
            n_all += n_exact;
        }
        for (int64_t n : scored_by) {
            check(n == n_all, "mode %d: %d tokens were counted, %d are exact", mode, (int) n, (int) n_all);
        }
    }
}

// The core's draws follow the law.
static void test_sampling() {
    const draw_head h;
    const int64_t D = draw_head::D, V = draw_head::V, K = draw_head::K;
    const flash_head_dot f32 = { dot, copy, D*sizeof(float), D*sizeof(float) };
    const flash_head head = { D, V, K, 0, h.weight.data(), nullptr, h.centroids.data(), h.cluster.data(),
            h.position.data(), h.tokens.data(),
                              h.offsets.data(), nullptr, {}, nullptr, f32, f32, 0 };

    test_draws(check, [&](int32_t n_probe, float temperature, uint32_t seed, const std::vector<float> & x, int nth) {
        const flash_head_params params = { n_probe, FLASH_HEAD_MODE_SAMPLE, temperature, seed, 0, 0.0f };
        return compute(head, params, x, nth);
    });
}

int main() {
    test_select();
    test_compute();
    test_sampling();
    return check.finish();
}
