// Tests of the sketch, in the core alone.

#include "check.h"
#include "core-run.h"

#include "flash-head-sketch.h"

#include <algorithm>
#include <random>
#include <set>

static checker check;

static std::vector<float> random_values(int64_t n, uint32_t seed) {
    std::mt19937 rng(seed);
    std::normal_distribution<float> normal;
    std::vector<float> out(n);
    for (float & v : out) { v = normal(rng); }
    return out;
}

// A sketch of n_vocab tokens with random factors.
struct sketch_fixture {
    int32_t rank;
    int64_t n_vocab;
    std::vector<float>   factors; // [V][rank], before rounding
    std::vector<uint8_t> groups;

    sketch_fixture(int64_t n_vocab, int32_t rank, uint32_t seed)
            : rank(rank), n_vocab(n_vocab), factors(random_values(n_vocab*rank, seed)) {
        const size_t  size = flash_head_sketch_group_size(rank);
        const int64_t group = FLASH_HEAD_GROUP, n_groups = flash_head_sketch_n_groups(n_vocab);
        groups.resize(n_groups*size);
        for (int64_t g = 0; g < n_groups; g++) {
            flash_head_sketch_pack(&factors[g*group*rank], (int32_t) std::min(group, n_vocab - g*group), rank,
                    &groups[g*size]);
        }
    }

    // factor j of token v, read as the format says
    float factor(int64_t v, int32_t j) const {
        const int64_t   group = FLASH_HEAD_GROUP;
        const uint8_t * g     = groups.data() + v/group*flash_head_sketch_group_size(rank);
        const uint32_t  bits  = (uint32_t) (g[v%group*2] | g[v%group*2 + 1] << 8) << 16;
        float scale;
        memcpy(&scale, &bits, sizeof(scale));
        const uint8_t byte = g[2*group + j/8*64 + 4*(v%group) + j%4];
        return scale*((j%8/4 ? byte >> 4 : byte & 15) - 8);
    }
};

static void test_pack() {
    for (int32_t rank = FLASH_HEAD_SKETCH_STEP; rank <= FLASH_HEAD_SKETCH_MAX_RANK; rank += FLASH_HEAD_SKETCH_STEP) {
        const sketch_fixture s(37, rank, rank);
        for (int64_t pos = 0; pos < s.n_vocab; pos++) {
            float most = 0;
            for (int32_t j = 0; j < rank; j++) { most = std::max(most, fabsf(s.factors[pos*rank + j])); }
            for (int32_t j = 0; j < rank; j++) {
                // half a step, or a whole one beyond the end of the range, and what a scale of 8 bits is off
                const float error = fabsf(s.factor(pos, j) - s.factors[pos*rank + j]);
                check(error <= most/8*1.01f, "rank %d, token %d: factor %f became %f", rank, (int) pos,
                        s.factors[pos*rank + j], s.factor(pos, j));
            }
        }
    }
    std::vector<float>   nothing(FLASH_HEAD_GROUP*8);
    std::vector<uint8_t> group(flash_head_sketch_group_size(8));
    flash_head_sketch_pack(nothing.data(), FLASH_HEAD_GROUP, 8, group.data());
    flash_head_code code = {};
    code.values[0] = 127;
    code.offset    = -8*127;
    code.scale     = 1.0f;
    const std::vector<int32_t> cluster(FLASH_HEAD_GROUP, 1);
    const float scores[] = { NAN, 3.5f };
    std::vector<float> out(FLASH_HEAD_GROUP, NAN);
    flash_head_sketch_estimate(group.data(), 8, &code, cluster.data(), scores, 0, FLASH_HEAD_GROUP, out.data(),
            nullptr);
    for (float v : out) { check(v == 3.5f, "without factors the estimate is %f", v); }
}

static void test_encode() {
    const int64_t D = 50;
    const int32_t rank = 24;
    const std::vector<float> directions = random_values(D*rank, 3), x = random_values(D, 4);
    flash_head_code code;
    flash_head_sketch_encode(directions.data(), rank, x.data(), D, &code);
    for (int32_t j = 0; j < rank; j++) {
        double expected = 0;
        for (int64_t i = 0; i < D; i++) { expected += (double) x[i]*directions[i*rank + j]; }
        check(fabs(code.values[j]*code.scale - expected) <= 0.51*code.scale, "direction %d: %f, not %f", j,
                code.values[j]*code.scale, expected);
    }
    for (float bad : { NAN, INFINITY, 0.0f }) {
        const std::vector<float> odd(D, bad);
        flash_head_sketch_encode(directions.data(), rank, odd.data(), D, &code);
        if (bad == 0.0f) {
            check(code.scale == 0.0f && code.values[0] == 0, "no activations have a code");
        }
    }
}

// any stretch of groups, of which the last may lack tokens: sums over the factors as the format says, and the clusters'
// scores
static void test_estimate() {
    for (int32_t rank : { 8, 24, 32, 40, 64 }) {
        const sketch_fixture s(100, rank, 10 + rank);
        const std::vector<float> scores = random_values(7, 3);
        std::vector<int32_t> cluster;
        for (int64_t v = 0; v < s.n_vocab; v++) { cluster.push_back((int32_t) (v*v % 7)); }
        flash_head_code code = {};
        for (int32_t j = 0; j < rank; j++) {
            code.values[j] = (int8_t) (j % 3 == 0 ? 127 : j % 3 == 1 ? -127 : 5*j - 90);
            code.offset   -= 8*code.values[j];
        }
        code.scale = 0.03f;
        for (int64_t begin : { 0, 16, 96 }) {
            for (int64_t end : { 16, 48, 100 }) {
                if (begin >= end) { continue; }
                std::vector<float> out(s.n_vocab + 1, 1234.0f), best(7, 1234.0f);
                flash_head_sketch_estimate(s.groups.data(), rank, &code, cluster.data(), scores.data(), begin, end,
                        out.data(), best.data());
                for (int64_t v = 0; v <= s.n_vocab; v++) {
                    if (v < begin || v >= end) {
                        check(out[v] == 1234.0f, "rank %d: written to %d, outside %d .. %d", rank, (int) v, (int) begin,
                                (int) end);
                        continue;
                    }
                    double expected = scores[cluster[v]];
                    for (int32_t j = 0; j < rank; j++) {
                        expected += (double) s.factor(v, j)*code.values[j]*code.scale;
                    }
                    check(fabs(out[v] - expected) < 1e-4*(1 + fabs(expected)),
                            "rank %d, token %d of %d .. %d: %f, not %f",
                            rank, (int) v, (int) begin, (int) end, out[v], expected);
                }
                for (int64_t g = begin/16; g*16 < end; g++) {
                    const float greatest = *std::max_element(out.begin() + g*16,
                            out.begin() + std::min(end, (g + 1)*16));
                    check(best[g] == greatest, "rank %d, group %d: the greatest is %f, not %f", rank, (int) g, best[g],
                            greatest);
                }
            }
        }
    }
}

// A head with a sketch: random rows, random clusters of these sizes, random factors.
struct head_with_sketch {
    int64_t D = 24, V, K;
    std::vector<float>   weight, centroids, activations;
    std::vector<int32_t> cluster, position, tokens, offsets = { 0 }, pinned;
    sketch_fixture       sketch;
    flash_head           head;

    head_with_sketch(int64_t V, int64_t K, int32_t rank, bool equal)
        : V(V), K(K), weight(random_values(V*D, 1)), centroids(random_values(K*D, 2)), activations(random_values(D*rank,
        3)),
          cluster(V), position(V), pinned({ 0, 7, (int32_t) V - 1 }), sketch(V, rank, 4) {
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
                position.data(), tokens.data(),
                 offsets.data(), pinned.data(), rank, sketch.groups.data(), activations.data(), f32, f32, 0 };
    }

    float exact(int64_t v, const float * x) const {
        float logit;
        dot((int) D, &logit, 0, &weight[v*D], 0, x, 0, 1);
        return logit;
    }

    // of all tokens
    std::vector<float> estimates(const float * x) const {
        std::vector<float> out(V);
        flash_head_code code;
        flash_head_sketch_encode(activations.data(), head.rank, x, D, &code);
        for (int64_t v = 0; v < V; v++) {
            dot((int) D, &out[v], 0, &centroids[cluster[v]*D], 0, x, 0, 1);
            double sum = 0;
            for (int32_t j = 0; j < head.rank; j++) { sum += (double) sketch.factor(v, j)*code.values[j]*code.scale; }
            out[v] += (float) sum;
        }
        return out;
    }
};

// The best tokens by estimate are exact, as many as asked for, or about as many where these are a lot, and the pinned
// ones; all others have their estimate. The number of threads changes nothing.
static void check_selection(const head_with_sketch & h, int32_t n_probe) {
    const int64_t N = 11; // more than a block of rows
    const std::vector<float> x = random_values(N*h.D, 6);
    const flash_head_params params = { n_probe, FLASH_HEAD_MODE_TOP, 1.0f, 0 };

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

    const int64_t n_asked = (n_probe*h.V + h.K - 1)/h.K;
    int64_t n_all = 0;
    for (int64_t r = 0; r < N; r++) {
        const std::vector<float> estimates = h.estimates(&x[r*h.D]);
        const float   slack = 1e-3f; // rounding
        const int64_t about = n_asked < 512 || n_probe == h.K ? 0 : n_asked/5;
        int64_t n_exact = 0;
        float worst = INFINITY, best_left = -INFINITY;
        for (int64_t v = 0; v < h.V; v++) {
            const float got    = logits[r*h.V + v];
            const bool  exact  = got == h.exact(v, &x[r*h.D]);
            const bool  pinned = std::find(h.pinned.begin(), h.pinned.end(), (int32_t) v) != h.pinned.end();
            check(exact || fabsf(got - estimates[v]) < 1e-3f*(1 + fabsf(estimates[v])),
                    "row %d, token %d: %f is neither exact (%f) nor estimated (%f)",
                    (int) r, (int) v, got, h.exact(v, &x[r*h.D]), estimates[v]);
            check(exact || !pinned, "row %d: pinned token %d is not exact", (int) r, (int) v);
            n_exact += exact;
            if (exact && !pinned) { worst     = std::min(worst,     estimates[v]); }
            if (!exact)           { best_left = std::max(best_left, estimates[v]); }
        }
        check(n_exact >= n_asked - about && n_exact <= n_asked + about + (int64_t) h.pinned.size(),
                "K=%d P=%d row %d: %d tokens are exact, %d asked for",
                (int) h.K, n_probe, (int) r, (int) n_exact, (int) n_asked);
        check(worst + slack >= best_left, "K=%d P=%d row %d: a token estimated at %f is exact, one at %f is not",
                (int) h.K, n_probe, (int) r, worst, best_left);
        n_all += n_exact;
    }
    check(n_counted == n_all, "K=%d P=%d: %d tokens were counted, %d are exact", (int) h.K, n_probe, (int) n_counted,
            (int) n_all);
}

static void test_selection() {
    for (bool equal : { true, false }) {
        for (int32_t rank : { 8, 32, 64 }) {
            const head_with_sketch h(1003, 61, rank, equal);
            for (int32_t n_probe : { 1, 7, 30, 61 }) {
                check_selection(h, n_probe);
            }
        }
    }
    const head_with_sketch large(20011, 700, 16, false); // so many that only a sample of the estimates is looked at
    for (int32_t n_probe : { 20, 300 }) {
        check_selection(large, n_probe);
    }
}

// where clusters are drawn, tokens have their exact logit or their centroid's score
static void test_sample() {
    const head_with_sketch h(1003, 61, 16, true);
    const std::vector<float> x = random_values(3*h.D, 7);
    const std::vector<float> logits = compute(h.head, { 7, FLASH_HEAD_MODE_SAMPLE, 1.0f, 1 }, x, 2);
    for (int64_t r = 0; r < 3; r++) {
        for (int64_t v = 0; v < h.V; v++) {
            float score;
            dot((int) h.D, &score, 0, &h.centroids[h.cluster[v]*h.D], 0, &x[r*h.D], 0, 1);
            const float got = logits[r*h.V + v];
            check(got == score || got == h.exact(v, &x[r*h.D]), "row %d, token %d: %f", (int) r, (int) v, got);
        }
    }
}

// equal estimates: all of them are exact rather than too few; activations that are not numbers do no harm to others
static void test_degenerate() {
    head_with_sketch h(500, 32, 8, true);
    const flash_head_params params = { 4, FLASH_HEAD_MODE_TOP, 1.0f, 0 };
    const std::vector<float> zero(h.D);
    int64_t n_scored = 0;
    compute(h.head, params, zero, 2, &n_scored);
    check(n_scored == h.V, "of equal estimates %d are exact", (int) n_scored);

    std::vector<float> x = random_values(2*h.D, 8);
    const std::vector<float> good = compute(h.head, params, { x.begin() + h.D, x.end() }, 2);
    for (float bad : { NAN, INFINITY, -INFINITY }) {
        std::fill(x.begin(), x.begin() + h.D, bad);
        const std::vector<float> logits = compute(h.head, params, x, 2);
        check(std::equal(good.begin(), good.end(), logits.begin() + h.V), "a row of %f spoils its neighbour", bad);
    }
}

int main() {
    test_pack();
    test_encode();
    test_estimate();
    test_selection();
    test_sample();
    test_degenerate();
    return check.finish();
}
