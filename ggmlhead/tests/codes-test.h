#pragma once

// Tests of a device's kernels for codes against the core's estimates and a plain selection.

#include "check.h"
#include "head-fixture.h"

#include "flash-head-allowance.h"

#include <float.h>
#include <numeric>

struct codes_test {
    checker & check;
    op_device device;

    // What the CPU makes of one row.
    struct expected_row {
        std::vector<float> coarse, fine, exact;
        flash_head_query   query;
    };

    static expected_row expect(const head_fixture & h, const float * x) {
        const int64_t D = h.shape.n_embd, V = h.shape.n_vocab;
        const flash_head_codes & codes = h.codes->codes;
        std::vector<float> parts(flash_head_n_parts(D)*(codes.n_directions + 2));
        for (int64_t p = 0; p < flash_head_n_parts(D); p++) {
            flash_head_project_part(&codes, x, D, p, parts.data() + p*(codes.n_directions + 2));
        }
        expected_row row;
        std::vector<int8_t> slots(flash_head_fine_max_slots(codes.fine_bytes) + 1);
        flash_head_query_prepare(&codes, x, D, parts.data(), &row.query, slots.data());

        auto floats = [](const std::vector<double> & v) { return std::vector<float>(v.begin(), v.end()); };
        const std::vector<float> scores = floats(head_fixture::reference(h.centroids, x, D));
        row.exact = floats(head_fixture::reference(h.weight, x, D));
        row.coarse.resize(V);
        flash_head_coarse_estimate(&codes, &row.query, h.cluster.data(), scores.data(), 0, V, row.coarse.data());
        row.fine = row.coarse;
        std::vector<int32_t> all(V);
        std::iota(all.begin(), all.end(), 0);
        flash_head_fine_estimate(&codes, &row.query, slots.data(), V, all.data(), V, row.fine.data());
        return row;
    }

    // Whether token v has this estimate, up to the order of sums. One number of the query may be rounded otherwise.
    static bool is_coarse(const head_fixture & h, const expected_row & row, int64_t v, float got, bool rounded) {
        const float step = h.codes->coarse_scale(v)*row.query.unit;
        return fabsf(got - row.coarse[v]) <= 2e-5f*(1.0f + fabsf(row.coarse[v])) + (rounded ? 2.0f*fabsf(step) : 0.0f);
    }
    static bool is_fine(const head_fixture & h, const expected_row & row, int64_t v, float got, bool rounded) {
        const float step = h.codes->coarse_scale(v)*row.query.unit;
        const float fine = row.query.fine_unit
                *float_of_upper(h.codes->fine.data() + h.shape.n_vocab*h.codes->fine_bytes + 2*v);
        return fabsf(got - row.fine[v]) <= 2e-5f*(1.0f + fabsf(row.fine[v]))
                + (rounded ? 2.0f*fabsf(step) + 16.0f*fabsf(fine) : 0.0f);
    }

    // How many tokens a plain selection by these estimates takes: n at least, and more if the others, from `from` on,
    // had more than `share` of the mass.
    static int64_t plain_count(std::vector<float> e, int64_t n, float from, double share) {
        std::sort(e.begin(), e.end(), std::greater<float>());
        double total = 0, rest = 0;
        for (float v : e) { total += exp((double) v - e[0]); }
        int64_t count = (int64_t) e.size();
        for (; count > n; count--) {
            rest += e[count - 1] >= from ? exp((double) e[count - 1] - e[0]) : 0.0;
            if (rest > share*total) {
                break;
            }
        }
        return count;
    }

    // Whether a token was chosen; MAYBE where its logit does not tell.
    enum choice : char { NO, MAYBE, YES };

    // The chosen tokens are the best by these estimates, and as many as a plain selection takes, but for the width of
    // bins.
    void check_choice(const char * what, const std::vector<float> & e, const std::vector<choice> & chosen, int64_t n,
            float from, flash_head_allowance others, float error) {
        const int64_t V = (int64_t) e.size();
        float least = INFINITY, best_left = -INFINITY, most = -INFINITY;
        int64_t n_yes = 0, n_maybe = 0;
        for (int64_t v = 0; v < V; v++) {
            most      = std::max(most, e[v]);
            n_yes    += chosen[v] == YES;
            n_maybe  += chosen[v] == MAYBE;
            least     = chosen[v] == YES ? std::min(least,     e[v]) : least;
            best_left = chosen[v] == NO  ? std::max(best_left, e[v]) : best_left;
        }
        const float width = (1.0f + most - least)/64; // of some bins
        check(!(best_left > least + width), "%s: a token estimated at %f is chosen and one at %f is not", what, least,
                best_left);
        const double  share = others.tolerance > 0.0f ? flash_head_allowed_share(others, error) : 1.0;
        const int64_t floor = plain_count(e, n, from, share < 1.0 ? share*1.06 : 1.0);
        const int64_t more  = plain_count(e, n, from, share < 1.0 ? share/1.06 : 1.0);
        int64_t ceiling = more;
        std::vector<float> sorted(e);
        std::sort(sorted.begin(), sorted.end(), std::greater<float>());
        while (ceiling < V && sorted[ceiling] >= sorted[more - 1] - width) { ceiling++; }
        check(n_yes + n_maybe >= floor && n_yes <= ceiling, "%s: %d to %d tokens are chosen, not %d to %d", what,
                (int) n_yes, (int) (n_yes + n_maybe), (int) floor, (int) ceiling);
    }

    void check_row(const head_fixture & h, const ggml_flash_head_params & params, const float * x, const float * got) {
        const int64_t V       = h.shape.n_vocab;
        const int64_t n_exact = (params.n_probe*V + h.shape.n_cluster - 1)/h.shape.n_cluster;
        const int64_t n_near  = std::min<int64_t>(V, std::max<int64_t>(params.n_near, 2*n_exact));
        const expected_row  row = expect(h, x);
        std::vector<choice> near(V), exact(V);
        std::vector<float>  estimates(row.fine);
        int64_t n_rounded = 0, n_kept = 0;
        float   from      = INFINITY;
        for (int64_t v = 0; v < V; v++) {
            const float g = got[v];
            const bool is_exact = fabsf(g - row.exact[v]) <= 1e-4f*(1.0f + fabsf(row.exact[v]));
            const bool fine = is_fine(h, row, v, g, true), coarse = is_coarse(h, row, v, g, true);
            check(is_exact || fine || coarse, "token %d has the logit %f, neither %f nor %f nor %f", (int) v, g,
                    row.exact[v], row.fine[v], row.coarse[v]);
            const bool pinned = std::binary_search(h.pinned.begin(), h.pinned.end(), (int32_t) v);
            check(is_exact || !pinned, "pinned token %d is not exact", (int) v);
            exact[v] = pinned || (is_exact && (fine || coarse)) ? MAYBE : is_exact ? YES : NO;
            near [v] = pinned || (coarse && (is_exact || fine)) ? MAYBE : coarse   ? NO  : YES;
            estimates[v] = coarse ? row.coarse[v] : row.fine[v];
            from         = near[v] == YES ? std::min(from, row.coarse[v]) : from;
            n_kept    += !is_exact;
            n_rounded += !is_exact && !is_fine(h, row, v, g, false) && !is_coarse(h, row, v, g, false);
        }
        check(2*n_rounded <= n_kept, "%d of %d estimates differ", (int) n_rounded, (int) n_kept);
        check_choice("near",  row.coarse, near, n_near, -INFINITY, flash_head_allowance_of_far(params.tolerance),
                row.query.errors[0]);
        check_choice("exact", estimates, exact, n_exact, from, flash_head_allowance_of_near(params.tolerance),
                row.query.errors[1]);
    }

    // size: of the activations, which makes rows sure of a few tokens or not
    void check_head(const head_fixture & h, ggml_flash_head_params params, int64_t n_rows, float size = 1.0f) {
        params = h.fitted(params);
        std::vector<float> x = random_values(n_rows*h.shape.n_embd, 11);
        for (float & value : x) { value *= size; }
        const std::vector<float> got = h.run(device, x, params);
        check(got == h.run(device, x, params), "the second time other logits come out");
        for (int64_t r = 0; r < n_rows; r++) {
            check_row(h, params, x.data() + r*h.shape.n_embd, got.data() + r*h.shape.n_vocab);
        }
    }

    void test_shapes() {
        for (const codes_shape & of_codes : codes_shapes()) {
            for (int64_t n_vocab : { 64, 777, 1300 }) {
                head_shape shape = { of_codes.D, n_vocab, 20, GGML_TYPE_F32, GGML_TYPE_F32, n_vocab == 777 ? 9 : 0 };
                shape.codes    = true;
                shape.of_codes = &of_codes;
                const head_fixture h(shape, device.backend);
                check_head(h, { 1, GGML_FLASH_HEAD_TOP, 1.0f, 0, 0, 0, 0, 0.0f, 0 }, n_vocab == 777 ? 9 : 2);
            }
        }
    }

    // More tokens are chosen the less estimates may cost. Where all are probed all are exact.
    void test_tolerances() {
        const codes_shape of_codes = { 200, std::vector<int>(24, 3), { 1, 1, 0 } };
        head_shape shape = { 200, 3001, 60, GGML_TYPE_F32, GGML_TYPE_F32 };
        shape.codes    = true;
        shape.spread   = 0.3f; // logits of which many matter
        shape.of_codes = &of_codes;
        const head_fixture h(shape, device.backend);
        for (float tolerance : { 0.0f, 1e-9f, 0.0125f, 0.2f, 3.0f }) {
            check_head(h, { 1, GGML_FLASH_HEAD_TOP, 1.0f, 0, 0, 100, 0, tolerance, 0 }, 3);
            check_head(h, { 1, GGML_FLASH_HEAD_TOP, 1.0f, 0, 0, 100, 0, tolerance/50, 0 }, 3, 0.1f);
        }
        check_head(h, { 60, GGML_FLASH_HEAD_TOP, 1.0f, 0, 0, 100, 0, 0.0f, 0 }, 1);
    }

    // A basis that does not fit is not used, as on the CPU.
    void test_bad_basis() {
        for (int flaw = 0; flaw < 5; flaw++) {
            head_shape shape = { 64, 300, 20, GGML_TYPE_F32, GGML_TYPE_F32 };
            shape.codes = true;
            head_fixture h(shape, device.backend);
            auto parts = h.codes->parts();
            if (flaw == 0) { parts.bits[3]    = 5.0f; } // too many together
            if (flaw == 1) { parts.bits[3]    = 1.0f; } // too few
            if (flaw == 2) { parts.bits[3]    = NAN; }
            if (flaw == 3) { parts.n_lines[0] = 60.0f; }
            if (flaw == 4) { parts.n_lines[1] = -1.0f; }
            ggml_backend_tensor_set(h.sources.basis, h.codes->basis.data(), 0, ggml_nbytes(h.sources.basis));
            check_head(h, { 1, GGML_FLASH_HEAD_TOP, 1.0f, 0, 0, 0, 0, 0.0f, 0 }, 1);
        }
    }

    // Clusters are drawn from a head with codes as from one without.
    void test_draws() {
        head_shape shape = { 64, 500, 32, GGML_TYPE_F32, GGML_TYPE_F32, 3, true, /*ordered =*/ false };
        const ggml_flash_head_params params = { 4, GGML_FLASH_HEAD_SAMPLE, 1.0f, 7, 0, 0, 0, 0.0f, 0 };
        const std::vector<float> x = random_values(2*64, 3);
        const std::vector<float> plain = head_fixture(shape, device.backend).run(device, x, params);
        shape.codes = true;
        check(head_fixture(shape, device.backend).run(device, x, params) == plain, "codes change what is drawn");
    }

    void test_all() {
        test_shapes();
        test_tolerances();
        test_bad_basis();
        test_draws();
    }
};
