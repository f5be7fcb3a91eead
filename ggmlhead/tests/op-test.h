#pragma once

// Tests of GGML_OP_FLASH_HEAD for every device: against a naive reference and the dense product.

#include "check.h"
#include "draw-test.h"
#include "head-fixture.h"

#include <math.h>
#include <set>
#include <string.h>

inline std::vector<float> random_rows(int64_t n_rows, int64_t n_embd, uint32_t seed = 7) {
    std::mt19937 rng(seed);
    std::normal_distribution<float> normal;
    std::vector<float> x(n_rows*n_embd);
    for (float & v : x) { v = normal(rng); }
    return x;
}

inline ggml_flash_head_params top(int32_t n_probe) {
    return { n_probe, GGML_FLASH_HEAD_TOP, 1.0f, 0, 0, 0, 0, 0.0f, 0 };
}

// normalised mean squared error of a against b
template <typename A, typename B> inline double nmse(const A * a, const B * b, int64_t n) {
    double error = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        error += (a[i] - b[i])*(double) (a[i] - b[i]);
        norm  += b[i]*(double) b[i];
    }
    return error/norm;
}

struct op_test {
    checker & check;
    op_device device;
    // whose op also takes a copy in the order of the clusters, and centroids in groups
    bool      is_cpu;
    bool      has_codes;                               // which selects tokens
    std::function<void(int)> set_threads;              // of the device; NULL: it has none
    // how far it may be from its dense product and from a plain one, normalised and squared, where all is exact
    double    dense_error = 1e-5;
    double    plain_error = 5e-4;
    double    rounding    = 0.05; // how far a logit may be off, of their size: activations are rounded to 8 bits
    std::vector<int64_t> row_counts = { 1, 2, 8, 9 };  // tried for every type
    int       n_skipped   = 0;                         // heads that the device does not take

    head_fixture head(head_shape shape) const {
        shape.ordered = shape.ordered && is_cpu;
        return head_fixture(shape, device.backend);
    }

    // Whether the device supports h. Counts the heads that it does not.
    bool takes(const head_fixture & h, const ggml_flash_head_params & params) {
        const bool yes = h.supported(device, params);
        n_skipped += !yes;
        return yes;
    }

    // The exact clusters of logits [V]; n_either is the number of those that look the same either way. Each token must
    // have its exact logit or its centroid's score, the same for a whole cluster. dense [V] and scores [K] are the
    // references.
    std::set<int32_t> exact_clusters(const head_fixture & h, const float * logits, const std::vector<double> & dense,
            const std::vector<double> & scores, size_t & n_either) {
        double scale = 0;
        for (double d : dense) { scale += d*d/dense.size(); }
        const double tolerance = rounding*sqrt(scale);

        std::set<int32_t> exact;
        n_either = 0;
        for (int32_t c = 0; c < h.shape.n_cluster; c++) {
            bool is_exact = true, is_background = true;
            for (int32_t pos = h.offsets[c]; pos < h.offsets[c + 1]; pos++) {
                const int32_t v = h.tokens[pos];
                if (std::binary_search(h.pinned.begin(), h.pinned.end(), v)) {
                    check(fabs(logits[v] - dense[v]) < tolerance, "pinned token %d: %f, exact is %f", v, logits[v],
                            dense[v]);
                    continue;
                }
                is_exact      = is_exact      && fabs(logits[v] - dense[v])  < tolerance;
                is_background = is_background && fabs(logits[v] - scores[c]) < tolerance;
            }
            check(is_exact || is_background, "cluster %d is neither exact nor background", c);
            n_either += is_exact && is_background;
            if (is_exact && !is_background) {
                exact.insert(c);
            }
        }
        return exact;
    }

    // The P best clusters are exact, and everything else is background.
    void check_selection(const head_shape & shape, int32_t n_probe, int64_t n_rows) {
        const head_fixture h = head(shape);
        if (!takes(h, top(n_probe))) {
            return;
        }
        const std::vector<float> x      = random_rows(n_rows, shape.n_embd);
        const std::vector<float> logits = h.run(device, x, top(n_probe));

        for (int64_t r = 0; r < n_rows; r++) {
            const std::vector<double> dense  =
                    head_fixture::reference(h.weight,    x.data() + r*shape.n_embd, shape.n_embd);
            const std::vector<double> scores =
                    head_fixture::reference(h.centroids, x.data() + r*shape.n_embd, shape.n_embd);

            size_t n_either;
            const std::set<int32_t> exact = exact_clusters(h, logits.data() + r*shape.n_vocab, dense, scores, n_either);
            std::vector<double> sorted = scores;
            std::sort(sorted.begin(), sorted.end(), std::greater<double>());
            check(exact.size() <= (size_t) n_probe && exact.size() + n_either >= (size_t) n_probe,
                    "%s/%s D=%d V=%d K=%d P=%d row %d: %d clusters are exact", ggml_type_name(shape.type),
                    ggml_type_name(shape.centroid_type), (int) shape.n_embd, (int) shape.n_vocab,
                    (int) shape.n_cluster, n_probe, (int) r, (int) exact.size());
            const double margin = 0.4*rounding*(fabs(sorted.front()) + fabs(sorted.back()));
            for (int32_t c : exact) {
                check(scores[c] >= sorted[n_probe - 1] - margin,
                        "cluster %d is exact, but its score %f is not among the best %d", c, scores[c], n_probe);
            }
        }
    }

    void test_selection() {
        for (ggml_type centroid_type : { GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q8_0,
                GGML_TYPE_Q4_0 }) {
            for (int64_t n_rows : { 1, 3 }) {
                check_selection({ 64, 1000, 50, GGML_TYPE_F32, centroid_type, 0 },        5, n_rows);
                check_selection({ 64, 1000, 50, GGML_TYPE_F32, centroid_type, 20, false }, 9, n_rows);
            }
        }
        check_selection({ 96,  640,   40, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 13, true, false }, 1,  9);
        check_selection({ 256, 4096, 256, GGML_TYPE_Q6_K, GGML_TYPE_Q4_0, 7 },               16, 17);
        // no multiple of any block size
        check_selection({ 33,  300,   30, GGML_TYPE_F16,  GGML_TYPE_F16,  4 },               3,  2);
        for (int64_t n_cluster : { 31, 32, 50 }) { // the last group is full or not
            if (!is_cpu) {
                break;
            }
            for (int64_t n_rows : { 1, 2, 3, 5, 9 }) {
                head_shape shape = { 64, 1000, n_cluster, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 20, false };
                shape.grouped = true;
                check_selection(shape, 5, n_rows);
            }
        }
    }

    // The types of weights with which the device has a dense product.
    std::vector<ggml_type> weight_types() const {
        std::vector<ggml_type> types;
        for (int i = 0; i < GGML_TYPE_COUNT; i++) {
            const ggml_type type = (ggml_type) i;
            const bool is_float = type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16;
            if (ggml_get_type_traits(type)->blck_size == 0 || (!is_float && !ggml_is_quantized(type))
                    || type == GGML_TYPE_Q8_1 || type == GGML_TYPE_Q8_K) { // of activations
                continue;
            }
            ggml_context_ptr ctx(ggml_init({ 4*ggml_tensor_overhead(), nullptr, true }));
            ggml_tensor * w = ggml_new_tensor_2d(ctx.get(), type, 512, 320);
            ggml_tensor * x = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, 512, 1);
            if (device.supports(ggml_mul_mat(ctx.get(), w, x))) {
                types.push_back(type);
            }
        }
        return types;
    }

    // With every cluster probed the result is the dense product, for every type.
    void test_exact_when_all_probed() {
        int n_types = 0;
        for (ggml_type type : weight_types()) {
            head_shape shape = { 512, 320, 20, type, GGML_TYPE_Q4_0 };
            shape.codes = n_types % 2 == 1 && has_codes;
            const head_fixture h = head(shape);
            if (!takes(h, top(20))) {
                continue;
            }
            n_types++;

            for (int64_t n : row_counts) {
                const std::vector<float> rows   = random_rows(n, shape.n_embd);
                const std::vector<float> logits = h.run(device, rows, top(20));
                const std::vector<float> dense  = h.run_dense(device, rows);
                const double versus_dense = nmse(logits.data(), dense.data(), logits.size());
                check(versus_dense < dense_error, "%s, %d rows: error against the dense product %g",
                        ggml_type_name(type), (int) n, versus_dense);

                for (int64_t r = 0; r < n; r++) {
                    const std::vector<double> plain =
                            head_fixture::reference(h.weight, rows.data() + r*shape.n_embd, shape.n_embd);
                    const double versus_plain = nmse(logits.data() + r*shape.n_vocab, plain.data(), shape.n_vocab);
                    check(versus_plain < plain_error, "%s, row %d: error against the naive product %g",
                            ggml_type_name(type), (int) r, versus_plain);
                }
            }
        }
        check(n_types >= 20, "only %d weight types were tried", n_types);
    }

    // With codes the asked number of tokens is exact, the best by estimate. Devices without codes refuse such heads.
    void test_codes() {
        head_shape shape = { 256, 4096, 256, GGML_TYPE_Q6_K, GGML_TYPE_Q4_0, 7 };
        shape.codes = true;
        const head_fixture h = head(shape);
        check(h.supported(device, top(16)) == has_codes, "a head with codes is taken, or it is not");
        if (!has_codes) {
            return;
        }
        const int64_t n_rows = 3, n_exact = 16*16;
        const std::vector<float> x         = random_rows(n_rows, shape.n_embd);
        const std::vector<float> logits    = h.run(device, x, top(16));
        const std::vector<float> dense     = h.run(device, x, top(256));
        ggml_flash_head_params all_near    = top(16);
        all_near.n_near = (int32_t) shape.n_vocab;
        const std::vector<float> estimates = h.run(device, x, all_near); // but for tokens that are exact
        for (int64_t r = 0; r < n_rows; r++) {
            const float * got = logits.data() + r*shape.n_vocab, * exact = dense.data() + r*shape.n_vocab;
            const float * estimate = estimates.data() + r*shape.n_vocab;
            int64_t n = 0, n_fine = 0;
            float best_left = -INFINITY, best_fine = -INFINITY;
            for (int64_t v = 0; v < shape.n_vocab; v++) {
                n      += got[v] == exact[v];
                n_fine += got[v] != exact[v] && got[v] == estimate[v];
                best_left = got[v] == exact[v] ? best_left : std::max(best_left, got[v]);
                best_fine = got[v] == exact[v] || got[v] != estimate[v] ? best_fine : std::max(best_fine, got[v]);
            }
            check(n >= n_exact && n <= n_exact + 20, "row %d: %d tokens are exact, not %d", (int) r, (int) n,
                    (int) n_exact);
            check(n_fine + n >= shape.n_vocab/5 && n_fine + n <= shape.n_vocab/3, "row %d: %d tokens have a fine code",
                    (int) r, (int) (n_fine + n));
            check(best_fine == best_left, "row %d: a token that is not near has the best estimate, %f", (int) r,
                    best_left);
        }
    }

    // A bias puts other tokens first; logits are without it.
    void test_bias() {
        if (!has_codes) {
            return;
        }
        head_shape shape = { 256, 1000, 60, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 7 };
        shape.codes = true;
        head_fixture h = head(shape);
        std::vector<float> bias(shape.n_vocab, 0.25f);
        for (int64_t v = 3; v < shape.n_vocab; v += 100) { bias[v] = 1e4f; }
        ggml_context_ptr ctx(ggml_init({ ggml_tensor_overhead(), nullptr, true }));
        ggml_tensor * t = ggml_new_tensor_1d(ctx.get(), GGML_TYPE_F32, shape.n_vocab);
        ggml_backend_buffer_ptr buffer(ggml_backend_alloc_ctx_tensors(ctx.get(), device.backend));
        ggml_backend_tensor_set(t, bias.data(), 0, ggml_nbytes(t));

        const std::vector<float> x     = random_rows(2, shape.n_embd);
        const std::vector<float> dense = h.run(device, x, top(60)), plain = h.run(device, x, top(2));
        h.sources.bias = t;
        const std::vector<float> logits = h.run(device, x, top(2)); // 34 tokens
        check(h.run(device, x, top(60)) == dense, "where all is exact the logits have the bias");
        h.sources.tokens = nullptr; // not read
        check(h.run(device, x, top(2)) == logits, "without the list of tokens the logits change");
        int n_others = 0, n_kept = 0, n_same = 0;
        for (int64_t i = 0; i < 2*shape.n_vocab; i++) {
            const bool kept = logits[i] != dense[i] && plain[i] != dense[i];
            n_kept += kept;
            n_same += kept && fabs(logits[i] - plain[i]) < 1e-3;
            check(logits[i] == dense[i] || bias[i%shape.n_vocab] < 1.0f, "token %d, with a large bias, is not exact",
                    (int) i);
            check(fabs(logits[i]) < 1e3, "token %d has the logit %f", (int) i, logits[i]);
            n_others += plain[i] != dense[i] && logits[i] == dense[i];
        }
        check(n_others >= 10, "only %d other tokens are exact", n_others);
        check(2*n_same > n_kept, "only %d of %d estimates are those without a bias", n_same, n_kept);
    }

    // With equal scores the first P clusters are probed.
    void test_ties() {
        const head_shape shape = { 32, 200, 20, GGML_TYPE_F32, GGML_TYPE_F32, 0, true, true, 0.0f };
        head_fixture h = head(shape);

        // all rows are equal: shift the weight, so that exact logits differ from centroids' scores
        std::vector<float> marked(h.weight);
        for (float & v : marked) { v += 1.0f; }
        ggml_backend_tensor_set(h.weight_tensor,   marked.data(), 0, ggml_nbytes(h.weight_tensor));
        if (h.sources.ordered) {
            ggml_backend_tensor_set(h.sources.ordered, marked.data(), 0, ggml_nbytes(h.sources.ordered));
        }

        const std::vector<float> x(shape.n_embd, 1.0f);
        const std::vector<float> logits = h.run(device, x, top(6));
        for (int64_t v = 0; v < shape.n_vocab; v++) {
            const bool exact = logits[v] > logits[h.tokens.back()] + 1.0f;
            check(exact == (h.cluster[v] < 6), "token %d of cluster %d is %s", (int) v, h.cluster[v],
                    exact ? "exact" : "background");
        }
    }

    // activations that are not numbers must do no harm
    void test_not_a_number(bool codes, int32_t mode) {
        head_shape shape = { 64, 500, 32, GGML_TYPE_F16, GGML_TYPE_F16, 3 };
        shape.codes = codes;
        const head_fixture h = head(shape);
        ggml_flash_head_params params = top(4);
        params.mode = mode;
        std::vector<float> x = random_rows(2, shape.n_embd);
        const std::vector<float> good = h.run(device, x, params);
        for (float bad : { NAN, INFINITY, -INFINITY }) {
            std::fill(x.begin(), x.begin() + shape.n_embd, bad);
            const std::vector<float> logits = h.run(device, x, params);
            check(std::equal(good.begin() + shape.n_vocab, good.end(), logits.begin() + shape.n_vocab),
                    "a row of %f changes the next row", bad);
        }
    }

    // The op's draws follow the same law as the core's.
    void test_sampling() {
        const draw_head d;
        const head_fixture h(d, device.backend);
        int n_threads = 0;
        test_draws(check, [&](int32_t n_probe, float temperature, uint32_t seed, const std::vector<float> & x,
                int nth) {
            if (set_threads && n_threads != nth) {
                set_threads(n_threads = nth);
            }
            return h.run(device, x, { n_probe, GGML_FLASH_HEAD_SAMPLE, temperature, seed, 0, 0, 0, 0.0f, 0 });
        });
    }

    void test_all() {
        test_selection();
        test_exact_when_all_probed();
        test_codes();
        test_bias();
        test_ties();
        test_not_a_number(false, GGML_FLASH_HEAD_TOP);
        test_not_a_number(false, GGML_FLASH_HEAD_SAMPLE);
        if (has_codes) {
            test_not_a_number(true, GGML_FLASH_HEAD_TOP);
        }
    }
};
