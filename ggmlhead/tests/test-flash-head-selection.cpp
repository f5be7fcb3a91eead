// Tests of the selection in a head with codes: which tokens keep their coarse estimate, get a fine one, or are exact.

#include "check.h"
#include "codes-fixture.h"
#include "core-run.h"

#include "flash-head-codes.h"

static checker check;

// A head with codes: random rows, clusters and residuals. Clusters differ in size unless `equal`.
struct head_with_codes {
    int64_t D, V, K;
    std::vector<float>   weight, centroids;
    std::vector<int32_t> cluster, position, tokens, offsets = { 0 }, pinned;
    std::vector<float>   bias;
    codes_fixture        codes;
    flash_head           head;

    head_with_codes(int64_t V, int64_t K, const codes_shape & shape, bool equal)
        : D(shape.D), V(V), K(K), weight(random_values(V*D, 1)), centroids(random_values(K*D, 2)),
          cluster(V), position(V), pinned({ 0, 7, (int32_t) V - 1 }), codes(shape, V, 4) {
        std::mt19937 rng(5);
        for (int64_t v = 0; v < V; v++) {
            cluster[v] = (int32_t) (equal || v < K ? v % K : (v*v) % std::max<int64_t>(1, K/7));
        }
        std::shuffle(cluster.begin(), cluster.end(), rng);
        for (int64_t c = 0; c < K; c++) {
            for (int64_t v = 0; v < V; v++) {
                if (cluster[v] == c) {
                    position[v] = (int32_t) tokens.size();
                    tokens.push_back((int32_t) v);
                }
            }
            offsets.push_back((int32_t) tokens.size());
        }
        const flash_head_dot f32 = { dot, copy, D*sizeof(float), D*sizeof(float) };
        head = { D, V, K, (int64_t) pinned.size(), weight.data(), nullptr, centroids.data(), cluster.data(),
                position.data(), tokens.data(), offsets.data(), pinned.data(), codes.codes, nullptr, f32, f32, 0 };
    }

    void set_bias(const std::vector<float> & values) {
        bias      = values;
        head.bias = bias.data();
    }

    float exact(int64_t v, const float * x) const {
        float logit;
        dot((int) D, &logit, 0, &weight[v*D], 0, x, 0, 1);
        return logit;
    }

    // the estimates of all tokens, bias included: from the coarse codes, or from both
    std::vector<float> estimates(const float * x, bool fine) const {
        std::vector<float> scores(K), out(V);
        for (int64_t c = 0; c < K; c++) { dot((int) D, &scores[c], 0, &centroids[c*D], 0, x, 0, 1); }
        const prepared p(codes, x);
        flash_head_coarse_estimate(&codes.codes, &p.query, cluster.data(), scores.data(), 0, V, out.data());
        for (int64_t v = 0; v < V && head.bias; v++) { out[v] += isfinite(bias[v]) ? bias[v] : 0.0f; }
        if (fine) {
            std::vector<int32_t> all(V);
            std::iota(all.begin(), all.end(), 0);
            flash_head_fine_estimate(&codes.codes, &p.query, p.slots.data(), V, all.data(), V, out.data());
        }
        return out;
    }

    // estimates as the logits show them: without the bias
    std::vector<float> shown(std::vector<float> estimates) const {
        for (int64_t v = 0; v < V && head.bias; v++) { estimates[v] -= isfinite(bias[v]) ? bias[v] : 0.0f; }
        return estimates;
    }
};

// Whether n is n_asked. Many tokens are counted approximately: their threshold comes from a sample.
static bool about(int64_t n, int64_t n_asked, int64_t n_vocab) {
    const int64_t slack = n_asked < 512 || n_asked >= n_vocab ? 0 : n_asked/5;
    return n >= n_asked - slack && n <= n_asked + slack;
}

// The best tokens by coarse estimate get a fine one. The best of these are exact, and so are pinned tokens. All others
// keep their estimate. The number of threads changes nothing.
static void check_selection(const head_with_codes & h, int32_t n_probe, int32_t n_near) {
    const int64_t N = 11; // more than a block of rows
    const std::vector<float> x = random_values(N*h.D, 6);
    const flash_head_params params = { n_probe, FLASH_HEAD_MODE_TOP, 1.0f, 0, n_near, 0.0f };

    std::vector<float> logits;
    int64_t n_counted = 0;
    for (int nth : { 1, 2, 5 }) {
        int64_t n_scored = 0;
        const std::vector<float> got = compute(h.head, params, x, nth, &n_scored);
        if (nth == 1) {
            logits    = got;
            n_counted = n_scored;
        }
        check(got == logits && n_scored == n_counted, "K=%d P=%d: %d threads change the result", (int) h.K, n_probe,
                nth);
    }

    const int64_t n_exact_asked = (n_probe*h.V + h.K - 1)/h.K;
    const int64_t n_near_asked  = std::max<int64_t>(n_near, 2*n_exact_asked);
    int64_t n_all = 0;
    for (int64_t r = 0; r < N; r++) {
        const std::vector<float> coarse = h.estimates(&x[r*h.D], false), fine = h.estimates(&x[r*h.D], true);
        const std::vector<float> coarse_shown = h.shown(coarse), fine_shown = h.shown(fine);
        int64_t n_exact = 0, n_fine = 0;
        float worst_near = INFINITY, best_far = -INFINITY;
        for (int64_t v = 0; v < h.V; v++) {
            const float got   = logits[r*h.V + v];
            const bool  exact = got == h.exact(v, &x[r*h.D]), pinned = std::count(h.pinned.begin(), h.pinned.end(), v);
            const bool  is_fine = got == fine_shown[v], is_coarse = got == coarse_shown[v];
            check(exact || is_fine || is_coarse,
                    "row %d, token %d: %f is neither exact (%f) nor fine (%f) nor coarse (%f)", (int) r, (int) v, got,
                    h.exact(v, &x[r*h.D]), fine_shown[v], coarse_shown[v]);
            check(exact || !pinned, "row %d: pinned token %d is not exact", (int) r, (int) v);
            n_exact += exact;
            n_fine  += is_fine;
            if (is_fine)   { worst_near = std::min(worst_near, coarse[v]); }
            if (is_coarse) { best_far   = std::max(best_far,   coarse[v]); }
        }
        check(about(n_exact, n_exact_asked, h.V)
                || n_exact <= n_exact_asked + (int64_t) h.pinned.size() + n_exact_asked/5,
                "K=%d P=%d row %d: %d tokens are exact, %d asked for", (int) h.K, n_probe, (int) r, (int) n_exact,
                (int) n_exact_asked);
        check(about(n_fine + n_exact, n_near_asked, h.V) || n_fine + n_exact <= n_near_asked*6/5 + 3,
                "K=%d near=%d row %d: %d tokens are fine or exact", (int) h.K, n_near, (int) r,
                (int) (n_fine + n_exact));
        check(worst_near >= best_far, "K=%d near=%d row %d: a token estimated at %f is fine, one at %f is not",
                (int) h.K, n_near, (int) r, worst_near, best_far);
        float worst_exact = INFINITY, best_fine = -INFINITY;
        for (int64_t v = 0; v < h.V; v++) {
            const float got    = logits[r*h.V + v];
            const bool  pinned = std::count(h.pinned.begin(), h.pinned.end(), v);
            if (got == fine_shown[v]) { best_fine = std::max(best_fine, fine[v]); }
            if (got == h.exact(v, &x[r*h.D]) && !pinned) { // an exact logit hides whether there was a fine code
                worst_exact = std::min(worst_exact, std::max(fine[v], coarse[v]));
            }
        }
        check(worst_exact >= best_fine, "K=%d P=%d row %d: a token estimated at %f is exact, one at %f is not",
                (int) h.K, n_probe, (int) r, worst_exact, best_fine);
        n_all += n_exact;
    }
    check(n_counted == n_all, "K=%d P=%d: %d tokens were counted, %d are exact", (int) h.K, n_probe, (int) n_counted,
            (int) n_all);
}

static codes_shape small_shape() { return { 40, { 3, 3, 2, 2, 2, 2, 1, 1 }, { 0, 1, 0 } }; }

static void test_selection() {
    for (bool equal : { true, false }) {
        const head_with_codes h(1003, 61, small_shape(), equal);
        for (int32_t n_probe : { 0, 1, 7, 30, 61 }) {
            for (int32_t n_near : { 1, 200, 1003 }) {
                check_selection(h, n_probe, n_near);
            }
        }
    }
    const head_with_codes large(20011, 700, small_shape(), false); // large enough for thresholds from a sample
    for (int32_t n_probe : { 20, 300 }) {
        check_selection(large, n_probe, 12000);
    }
}

// A bias changes which tokens are best. Logits do not contain it.
static void test_bias() {
    for (float size : { 3.0f, 100.0f }) {
        head_with_codes h(1003, 61, small_shape(), false), large(20011, 700, small_shape(), false);
        for (head_with_codes * some : { &h, &large }) {
            std::vector<float> bias = random_values(some->V, 30);
            for (float & b : bias) { b *= size; }
            some->set_bias(bias);
        }
        for (int32_t n_probe : { 0, 1, 7, 61 }) {
            for (int32_t n_near : { 1, 200, 1003 }) {
                check_selection(h, n_probe, n_near);
            }
        }
        check_selection(large, 20, 12000);
    }

    // one token wins by its bias alone; a bias that is not finite counts as none
    head_with_codes h(1003, 61, small_shape(), true);
    std::vector<float> bias(h.V, 0.0f);
    bias[500] = 1e6f;
    bias[501] = INFINITY;
    bias[502] = -INFINITY;
    bias[503] = NAN;
    bias[504] = -3e38f;
    h.set_bias(bias);
    std::vector<float> x = random_values(h.D, 31);
    for (float & value : x) { value *= 0.2f; }
    int64_t n_scored = 0;
    const std::vector<float> logits = compute(h.head, { 1, FLASH_HEAD_MODE_TOP, 1.0f, 0, 1, 0.0f }, x, 2, &n_scored);
    check(logits[500] == h.exact(500, x.data()), "the token with the largest bias is not exact");
    check(n_scored < 2*(h.V/h.K + 1), "%d tokens are exact", (int) n_scored);
    for (int64_t v = 0; v < h.V; v++) {
        check(isfinite(logits[v]), "token %d has the logit %f", (int) v, logits[v]);
    }
    // the tolerance applies to probabilities with the bias: here one token has all of it
    compute(h.head, { 1, FLASH_HEAD_MODE_TOP, 1.0f, 0, 1, 1e-6f }, x, 2, &n_scored);
    check(n_scored < 2*(h.V/h.K + 1), "one certain token: %d tokens are exact", (int) n_scored);
    h.head.bias = nullptr;
    compute(h.head, { 1, FLASH_HEAD_MODE_TOP, 1.0f, 0, 1, 1e-6f }, x, 2, &n_scored);
    check(n_scored > 200, "a flat row: %d tokens are exact", (int) n_scored);
}

// The expected divergence from estimates is about the tolerance or less. No more tokens than needed are scored.
static void check_tolerance(const head_with_codes & h, float tolerance) {
    const int64_t N = 9;
    std::vector<float> x = random_values(N*h.D, 11);
    for (int64_t r = 0; r < N; r++) { // from flat distributions, where nearly all tokens are exact, to peaked ones
        for (int64_t i = 0; i < h.D; i++) { x[r*h.D + i] *= 0.05f*(float) (1 << r)/8.0f; }
    }
    const flash_head_params params = { 1, FLASH_HEAD_MODE_TOP, 1.0f, 0, 1, tolerance };
    const std::vector<float> logits = compute(h.head, params, x, 1);
    for (int nth : { 2, 5 }) {
        check(compute(h.head, params, x, nth) == logits, "tolerance %f: %d threads change the result", tolerance, nth);
    }
    for (int64_t r = 0; r < N; r++) {
        const float * row = &x[r*h.D];
        const std::vector<float> coarse = h.estimates(row, false), fine = h.estimates(row, true);
        const prepared p(h.codes, row);
        double all[2] = {}, far = 0, near = 0; // mass: by coarse and by final estimates; of coarse and of fine tokens
        int64_t n_near = 0, n_exact = 0;
        for (int64_t v = 0; v < h.V; v++) {
            const float got   = logits[r*h.V + v];
            const bool  is_far = got == coarse[v], is_near = !is_far && got == fine[v];
            all[0] += exp(coarse[v]);
            all[1] += exp(is_far ? coarse[v] : fine[v]);
            far    += is_far  ? exp(coarse[v]) : 0.0;
            near   += is_near ? exp(fine[v])   : 0.0;
            n_near  += !is_far;
            n_exact += !is_far && !is_near;
        }
        const double cost[2] = { 0.5*p.query.errors[0]*far/all[0], 0.5*p.query.errors[1]*near/all[1] };
        const double most[2] = { 0.8*tolerance, 0.2*tolerance };
        const int64_t n[2] = { n_near, n_exact }, least = h.V/h.K + 1;
        for (int i = 0; i < 2; i++) {
            check(cost[i] <= 1.15*most[i], "tolerance %f, row %d: stage %d costs %f", tolerance, (int) r, i, cost[i]);
            check(cost[i] >= 0.8*most[i] || n[i] <= 4*least, "tolerance %f, row %d: %d tokens pass stage %d, "
                    "which costs only %f", tolerance, (int) r, (int) n[i], i, cost[i]);
        }
    }
}

static void test_tolerance() {
    const head_with_codes small(1003, 61, small_shape(), false), large(20011, 700, small_shape(), false);
    for (float tolerance : { 0.3f, 0.03f, 0.003f }) {
        check_tolerance(small, tolerance);
        check_tolerance(large, tolerance);
    }
    // a negligible tolerance: all tokens are exact
    const std::vector<float> x = random_values(2*small.D, 12);
    const std::vector<float> logits = compute(small.head, { 1, FLASH_HEAD_MODE_TOP, 1.0f, 0, 1, 1e-20f }, x, 2);
    for (int64_t i = 0; i < 2*small.V; i++) {
        check(logits[i] == small.exact(i%small.V, &x[i/small.V*small.D]), "token %d is not exact", (int) i);
    }
    // an estimator asks for no exact tokens, whatever the tolerance
    int64_t n_scored = 0;
    compute(small.head, { 0, FLASH_HEAD_MODE_TOP, 1.0f, 0, 1, 0.01f }, x, 2, &n_scored);
    check(n_scored == 2*(int64_t) small.pinned.size(), "%d tokens are exact", (int) n_scored);
}

// With drawn clusters each token has its exact logit or its centroid's score.
static void test_sample() {
    const head_with_codes h(1003, 61, small_shape(), true);
    const std::vector<float> x = random_values(3*h.D, 7);
    const std::vector<float> logits = compute(h.head, { 7, FLASH_HEAD_MODE_SAMPLE, 1.0f, 1, 100, 0.0f }, x, 2);
    for (int64_t r = 0; r < 3; r++) {
        for (int64_t v = 0; v < h.V; v++) {
            float score;
            dot((int) h.D, &score, 0, &h.centroids[h.cluster[v]*h.D], 0, &x[r*h.D], 0, 1);
            const float got = logits[r*h.V + v];
            check(got == score || got == h.exact(v, &x[r*h.D]), "row %d, token %d: %f", (int) r, (int) v, got);
        }
    }
}

// Ties are all exact, rather than too few. Activations that are not finite affect only their own row.
static void test_degenerate() {
    head_with_codes h(500, 32, small_shape(), true);
    const flash_head_params params = { 4, FLASH_HEAD_MODE_TOP, 1.0f, 0, 100, 0.0f };
    const std::vector<float> zero(h.D);
    int64_t n_scored = 0;
    compute(h.head, params, zero, 2, &n_scored);
    check(n_scored == h.V, "equal estimates: %d are exact", (int) n_scored);

    std::vector<float> x = random_values(2*h.D, 8);
    const std::vector<float> good = compute(h.head, params, { x.begin() + h.D, x.end() }, 2);
    for (float bad : { NAN, INFINITY, -INFINITY, 3e38f }) {
        std::fill(x.begin(), x.begin() + h.D, bad);
        const std::vector<float> logits = compute(h.head, params, x, 2);
        check(std::equal(good.begin(), good.end(), logits.begin() + h.V), "a row of %f changes the next row", bad);
    }
    // a basis that does not fit the codes: they are left out, and no access is out of bounds
    for (float bad : { -1.0f, 7.0f, NAN, 1e9f }) {
        h.codes.parts().n_lines[0] = bad;
        compute(h.head, params, zero, 2);
        h.codes.parts().bits[0] = bad;
        compute(h.head, params, zero, 2);
    }
}

int main() {
    test_selection();
    test_bias();
    test_tolerance();
    test_sample();
    test_degenerate();
    return check.finish();
}
