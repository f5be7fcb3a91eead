// Tests of GGML_OP_FLASH_HEAD on the CPU backend, against a plain reference and against the dense product.

#include "check.h"
#include "draw-test.h"
#include "head-fixture.h"

#include <math.h>
#include <set>
#include <string.h>
#include <thread>

static checker check;

static ggml_backend_t backend;
static ggml_backend_set_n_threads_t set_n_threads;

static std::vector<float> random_rows(int64_t n_rows, int64_t n_embd, uint32_t seed = 7) {
    std::mt19937 rng(seed);
    std::normal_distribution<float> normal;
    std::vector<float> x(n_rows*n_embd);
    for (float & v : x) { v = normal(rng); }
    return x;
}

static ggml_flash_head_params top(int32_t n_probe) {
    return { n_probe, GGML_FLASH_HEAD_TOP, 1.0f, 0, 0 };
}

// normalised mean squared error of a against b
template <typename A, typename B> static double nmse(const A * a, const B * b, int64_t n) {
    double error = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        error += (a[i] - b[i])*(double) (a[i] - b[i]);
        norm  += b[i]*(double) b[i];
    }
    return error/norm;
}

// The clusters that logits [V] shows as scored exactly. Each token must have its exact logit or its centroid's score,
// all of a cluster alike; dense [V] and scores [K] are the same up to the error that quantised activations bring.
static std::set<int32_t> exact_clusters(const head_fixture & h, const float * logits, const std::vector<double> & dense, const std::vector<double> & scores) {
    double scale = 0;
    for (double d : dense) { scale += d*d/dense.size(); }
    const double tolerance = 0.05*sqrt(scale); // activations are rounded to 8 bits

    std::set<int32_t> exact;
    for (int32_t c = 0; c < h.shape.n_cluster; c++) {
        bool is_exact = true, is_background = true;
        for (int32_t pos = h.offsets[c]; pos < h.offsets[c + 1]; pos++) {
            const int32_t v = h.tokens[pos];
            if (std::binary_search(h.pinned.begin(), h.pinned.end(), v)) {
                check(fabs(logits[v] - dense[v]) < tolerance, "pinned token %d: %f, exact is %f", v, logits[v], dense[v]);
                continue;
            }
            is_exact      = is_exact      && fabs(logits[v] - dense[v])  < tolerance;
            is_background = is_background && fabs(logits[v] - scores[c]) < tolerance;
        }
        check(is_exact || is_background, "cluster %d is neither exact nor background", c);
        if (is_exact && !is_background) {
            exact.insert(c);
        }
    }
    return exact;
}

// P clusters are exact, the best ones, and everything else is background
static void check_selection(const head_shape & shape, int32_t n_probe, int64_t n_rows) {
    const head_fixture h(shape, backend);
    const std::vector<float> x      = random_rows(n_rows, shape.n_embd);
    const std::vector<float> logits = h.run(backend, x, top(n_probe));

    for (int64_t r = 0; r < n_rows; r++) {
        const std::vector<double> dense  = head_fixture::reference(h.weight,    x.data() + r*shape.n_embd, shape.n_embd);
        const std::vector<double> scores = head_fixture::reference(h.centroids, x.data() + r*shape.n_embd, shape.n_embd);

        const std::set<int32_t> exact = exact_clusters(h, logits.data() + r*shape.n_vocab, dense, scores);
        std::vector<double> sorted = scores;
        std::sort(sorted.begin(), sorted.end(), std::greater<double>());
        // a cluster whose rows all equal their mean cannot be told apart: singletons
        size_t singletons = 0;
        for (int32_t c = 0; c < shape.n_cluster; c++) { singletons += h.offsets[c + 1] - h.offsets[c] == 1; }
        check(exact.size() <= (size_t) n_probe && exact.size() + singletons >= (size_t) n_probe,
                "%s/%s K=%d P=%d row %d: %d clusters are exact", ggml_type_name(shape.type), ggml_type_name(shape.centroid_type),
                (int) shape.n_cluster, n_probe, (int) r, (int) exact.size());
        const double margin = 0.02*(fabs(sorted.front()) + fabs(sorted.back()));
        for (int32_t c : exact) {
            check(scores[c] >= sorted[n_probe - 1] - margin, "cluster %d is exact, but its score %f is not among the best %d", c, scores[c], n_probe);
        }
    }
}

static void test_selection() {
    for (ggml_type centroid_type : { GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0 }) {
        for (int64_t n_rows : { 1, 3 }) {
            check_selection({ 64, 1000, 50, GGML_TYPE_F32, centroid_type, 0 },        5, n_rows);
            check_selection({ 64, 1000, 50, GGML_TYPE_F32, centroid_type, 20, false }, 9, n_rows);
        }
    }
    check_selection({ 96,  640,   40, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 13, true, false }, 1,  9);
    check_selection({ 256, 4096, 256, GGML_TYPE_Q6_K, GGML_TYPE_Q4_0, 7 },               16, 17);
    check_selection({ 33,  300,   30, GGML_TYPE_F16,  GGML_TYPE_F16,  4 },               3,  2); // no multiple of any block
    for (int64_t n_cluster : { 31, 32, 50 }) { // the last group full or not
        for (int64_t n_rows : { 1, 2, 3, 5, 9 }) {
            head_shape shape = { 64, 1000, n_cluster, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 20, false };
            shape.grouped = true;
            check_selection(shape, 5, n_rows);
        }
    }
}

// every cluster probed: the dense product, whatever the weights' type
static void test_exact_when_all_probed() {
    int n_types = 0;
    for (int i = 0; i < GGML_TYPE_COUNT; i++) {
        const ggml_type type = (ggml_type) i;
        const ggml_type_traits * traits = ggml_get_type_traits(type);
        const bool is_float = type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16;
        if (traits->type_name == nullptr || (!is_float && !ggml_is_quantized(type)) || traits->blck_size == 0) {
            continue;
        }
        head_shape shape = { 512, 320, 20, type, GGML_TYPE_Q4_0 };
        shape.rank = n_types % 2 == 0 ? 0 : 16;

        ggml_context_ptr ctx(ggml_init({ 4*ggml_tensor_overhead(), nullptr, true }));
        ggml_tensor * w = ggml_new_tensor_2d(ctx.get(), type, shape.n_embd, shape.n_vocab);
        ggml_tensor * x = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, shape.n_embd, 1);
        if (type == GGML_TYPE_Q8_1 || type == GGML_TYPE_Q8_K || !ggml_backend_supports_op(backend, ggml_mul_mat(ctx.get(), w, x))) {
            continue; // types of activations, not of weights
        }
        n_types++;

        for (int64_t n_rows : { 1, 2, 8, 9 }) {
            const head_fixture h(shape, backend);
            const std::vector<float> rows   = random_rows(n_rows, shape.n_embd);
            const std::vector<float> logits = h.run(backend, rows, top(20));
            const std::vector<float> dense  = h.run_dense(backend, rows);
            const double versus_dense = nmse(logits.data(), dense.data(), logits.size());
            check(versus_dense < 1e-5, "%s, %d rows: error against the dense product %g", traits->type_name, (int) n_rows, versus_dense);

            for (int64_t r = 0; r < n_rows; r++) {
                const std::vector<double> plain = head_fixture::reference(h.weight, rows.data() + r*shape.n_embd, shape.n_embd);
                const double versus_plain = nmse(logits.data() + r*shape.n_vocab, plain.data(), shape.n_vocab);
                check(versus_plain < 5e-4, "%s, row %d: error against the plain product %g", traits->type_name, (int) r, versus_plain);
            }
        }
    }
    check(n_types >= 20, "only %d weight types were tried", n_types);
}

// the number of threads, the copy's presence and the neighbours in a batch change nothing at all
static void test_same_bits() {
    for (int32_t rank : { 0, 24 }) {
        for (ggml_type type : { GGML_TYPE_F16, GGML_TYPE_Q8_0, GGML_TYPE_Q6_K, GGML_TYPE_Q4_K }) {
            head_shape shape = { 256, 3001, 180, type, GGML_TYPE_Q4_0, 11, false };
            shape.rank = rank;
            const head_fixture with_copy(shape, backend);
            shape.ordered = false;
            const head_fixture without_copy(shape, backend);

            for (int mode : { GGML_FLASH_HEAD_TOP, GGML_FLASH_HEAD_SAMPLE }) {
                const ggml_flash_head_params params = { 12, mode, 0.8f, 5, 0 };
                const std::vector<float> x = random_rows(19, shape.n_embd);

                set_n_threads(backend, 1);
                const std::vector<float> expected = with_copy.run(backend, x, params);
                for (int n_threads : { 2, 3, 5 }) {
                    set_n_threads(backend, n_threads);
                    check(with_copy.run(backend, x, params) == expected,    "%s: %d threads change the logits", ggml_type_name(type), n_threads);
                    check(without_copy.run(backend, x, params) == expected, "%s: without the copy, on %d threads, the logits change", ggml_type_name(type), n_threads);
                }
                for (int64_t r : { 0, 7, 8, 18 }) {
                    const std::vector<float> alone(x.begin() + r*shape.n_embd, x.begin() + (r + 1)*shape.n_embd);
                    const std::vector<float> row = with_copy.run(backend, alone, params);
                    check(std::equal(row.begin(), row.end(), expected.begin() + r*shape.n_vocab), "%s: row %d differs when alone", ggml_type_name(type), (int) r);
                }
                set_n_threads(backend, 2);
            }
        }
    }
}

// With a sketch, as many tokens as asked for are exact, the best by estimate.
static void test_sketch() {
    head_shape shape = { 256, 4096, 256, GGML_TYPE_Q6_K, GGML_TYPE_Q4_0, 7 };
    shape.rank = 32;
    const head_fixture h(shape, backend);
    const int64_t n_rows = 3, n_exact = 16*16;
    const std::vector<float> x      = random_rows(n_rows, shape.n_embd);
    const std::vector<float> logits = h.run(backend, x, top(16));
    const std::vector<float> dense  = h.run(backend, x, top(256));
    for (int64_t r = 0; r < n_rows; r++) {
        const std::vector<double> scores = head_fixture::reference(h.centroids, x.data() + r*shape.n_embd, shape.n_embd);
        flash_head_code code;
        flash_head_sketch_encode(h.activations.data(), shape.rank, x.data() + r*shape.n_embd, shape.n_embd, &code);
        const std::vector<float> of_clusters(scores.begin(), scores.end());
        std::vector<float> estimates(shape.n_vocab);
        flash_head_sketch_estimate(h.sketch.data(), shape.rank, &code, h.cluster.data(), of_clusters.data(), 0, shape.n_vocab, estimates.data(), nullptr);

        const float * got = logits.data() + r*shape.n_vocab;
        int64_t n = 0;
        double worst = INFINITY, best_left = -INFINITY;
        for (int64_t v = 0; v < shape.n_vocab; v++) {
            const double estimate = estimates[v];
            if (got[v] == dense[r*shape.n_vocab + v]) {
                n++;
                const bool pinned = std::binary_search(h.pinned.begin(), h.pinned.end(), (int32_t) v);
                worst = pinned ? worst : std::min(worst, estimate);
            } else {
                check(fabs(got[v] - estimate) < 0.5, "token %d: %f, the estimate is %f", (int) v, got[v], estimate);
                best_left = std::max(best_left, estimate);
            }
        }
        check(n >= n_exact && n <= n_exact + 20, "row %d: %d tokens are exact, not %d", (int) r, (int) n, (int) n_exact);
        check(worst > best_left - 0.5, "row %d: a token estimated at %f is exact, one at %f is not", (int) r, worst, best_left);
    }
}

// two contexts of one model at once
static void test_concurrent() {
    const head_shape shape = { 256, 2000, 125, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 5 };
    const head_fixture h(shape, backend);
    ggml_backend_t other = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr);
    set_n_threads(other, 1);

    const std::vector<float> x = random_rows(3, shape.n_embd, 1), y = random_rows(3, shape.n_embd, 2);
    const std::vector<float> expected_x = h.run(backend, x, top(8)), expected_y = h.run(backend, y, top(20));

    bool same_y = true;
    std::thread second([&] {
        for (int i = 0; i < 50; i++) { same_y = same_y && h.run(other, y, top(20)) == expected_y; }
    });
    bool same_x = true;
    for (int i = 0; i < 50; i++) { same_x = same_x && h.run(backend, x, top(8)) == expected_x; }
    second.join();
    check(same_x && same_y, "two contexts at once disturb each other");
    ggml_backend_free(other);
}

// equal scores: still exactly P clusters, the first ones
static void test_ties() {
    const head_shape shape = { 32, 200, 20, GGML_TYPE_F32, GGML_TYPE_F32, 0, true, true, 0.0f };
    head_fixture h(shape, backend);

    // all rows are equal, so mark each by its exact logit: other rows in the weight than in the centroids
    std::vector<float> marked(h.weight);
    for (float & v : marked) { v += 1.0f; }
    ggml_backend_tensor_set(h.weight_tensor,   marked.data(), 0, ggml_nbytes(h.weight_tensor));
    ggml_backend_tensor_set(h.sources.ordered, marked.data(), 0, ggml_nbytes(h.sources.ordered));

    const std::vector<float> x(shape.n_embd, 1.0f);
    const std::vector<float> logits = h.run(backend, x, top(6));
    for (int64_t v = 0; v < shape.n_vocab; v++) {
        const bool exact = logits[v] > logits[h.tokens.back()] + 1.0f;
        check(exact == (h.cluster[v] < 6), "token %d of cluster %d is %s", (int) v, h.cluster[v], exact ? "exact" : "background");
    }
}

// activations that are not numbers must do no harm
static void test_not_a_number() {
    const head_shape shape = { 64, 500, 32, GGML_TYPE_F16, GGML_TYPE_F16, 3 };
    const head_fixture h(shape, backend);
    std::vector<float> x = random_rows(2, shape.n_embd);
    const std::vector<float> good = h.run(backend, { x.begin() + shape.n_embd, x.end() }, top(4));
    for (float bad : { NAN, INFINITY, -INFINITY }) {
        std::fill(x.begin(), x.begin() + shape.n_embd, bad);
        const std::vector<float> logits = h.run(backend, x, top(4));
        check(std::equal(good.begin(), good.end(), logits.begin() + shape.n_vocab), "a row of %f spoils its neighbour", bad);
    }
}

// the op's draws: those of the core, with the same law
static void test_sampling() {
    const draw_head d;
    head_fixture h({ draw_head::D, draw_head::V, draw_head::K, GGML_TYPE_F32, GGML_TYPE_F32, 0, true, /*ordered =*/ false }, backend);
    auto set = [](ggml_tensor * t, const void * data) { ggml_backend_tensor_set(t, data, 0, ggml_nbytes(t)); };
    set(h.weight_tensor,     d.weight.data());
    set(h.sources.centroids, d.centroids.data());
    std::vector<int32_t> places = d.cluster;
    places.insert(places.end(), d.position.begin(), d.position.end());
    set(h.sources.places,    places.data());
    set(h.sources.tokens,    d.tokens.data());
    set(h.sources.offsets,   d.offsets.data());

    int n_threads = 0;
    test_draws(check, [&](int32_t n_probe, float temperature, uint32_t seed, const std::vector<float> & x, int nth) {
        if (n_threads != nth) {
            set_n_threads(backend, n_threads = nth);
        }
        return h.run(backend, x, { n_probe, GGML_FLASH_HEAD_SAMPLE, temperature, seed, 0 });
    });
    set_n_threads(backend, 2);
}

// a product in a graph becomes the op, and its reader sees the op's logits
static void test_replace() {
    const head_shape shape = { 64, 400, 25, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0 };
    const head_fixture h(shape, backend);
    ggml_context_ptr ctx(ggml_init({ 8*ggml_tensor_overhead(), nullptr, true }));
    ggml_tensor * x       = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, shape.n_embd, 2);
    ggml_tensor * product = ggml_mul_mat(ctx.get(), h.weight_tensor, x);
    const ggml_flash_head_params params = { 3, GGML_FLASH_HEAD_SAMPLE, 0.5f, 9, 0 };

    ggml_flash_head_replace_mul_mat(product, &h.sources, &params);

    const ggml_flash_head_params stored = ggml_flash_head_get_params(product);
    check(product->op == GGML_OP_FLASH_HEAD && memcmp(&stored, &params, sizeof(params)) == 0, "the op or its parameters are not those asked for");
    check(product->src[0] == h.weight_tensor && product->src[1] == x, "the op reads another weight or other activations");
    check(ggml_backend_supports_op(backend, product), "the CPU backend does not support the op");
}

// what the op did is counted where its tensor says, and nowhere unless it says
static void test_totals() {
    const head_fixture h({ 64, 400, 25, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0 }, backend);
    const std::vector<float> x = random_rows(2, h.shape.n_embd);

    flash_head_totals totals;
    for (bool counted : { true, false }) {
        h.run(backend, x, top(3), counted ? &totals : nullptr);
        check(totals.n_scored == 2*3*16, "2 rows of 3 clusters of 16 tokens, of which %d are counted", (int) totals.n_scored);
    }
}

int main() {
    ggml_backend_load_all();
    backend = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr);
    if (backend == nullptr) {
        printf("no CPU backend\n");
        return 1;
    }
    ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(ggml_backend_get_device(backend));
    set_n_threads = (ggml_backend_set_n_threads_t) ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_n_threads");
    set_n_threads(backend, 2);

    test_selection();
    test_exact_when_all_probed();
    test_same_bits();
    test_sketch();
    test_concurrent();
    test_ties();
    test_not_a_number();
    test_sampling();
    test_replace();
    test_totals();

    ggml_backend_free(backend);
    return check.finish();
}
