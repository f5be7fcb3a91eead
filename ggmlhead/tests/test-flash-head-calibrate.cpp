// Tests of calibration on heads made here: records against sorting, sketches against what they must recover, threads,
// degenerate input; the algebra is in calibrate-algebra.cpp.

#include "calibrate-fixture.h"

#include "records.h"
#include "threads-test.h"

checker check;

struct outcome {
    bool            ok;
    flash_head_calibration result;
    std::string     error;
};

static outcome calibrate(const head & h, const flash_head_matrix & hidden, int64_t fit, int32_t rank,
        enum ggml_type centroid_type = GGML_TYPE_Q4_0, int n_threads = 2) {
    outcome out;
    flash_head_calibrate_params params;
    params.fit           = fit;
    params.rank          = rank;
    params.centroid_type = centroid_type;
    double last  = 0.0;
    bool   falls = false;
    params.progress = [&](const char *, double fraction) {
        falls = falls || fraction < last || fraction > 1.0 + 1e-9;
        last  = fraction;
    };
    std::unique_ptr<flash_head_pool, decltype(&flash_head_pool_free)> pool(flash_head_pool_new(n_threads),
            flash_head_pool_free);
    out.ok = flash_head_calibrate(h.weight, h.cluster, h.n_clusters, hidden, params, pool.get(), &out.result, &out.error);
    check(!out.ok || (!falls && last > 0.999), "progress went back or ended at %f", last);
    return out;
}

// Checks records against sorting: the best tokens, and for each a rank that roundings of at most slack can give it;
// with no slack, the lower token goes first.
static void check_records(const head & h, const flash_head_matrix & hidden, const outcome & out, int32_t rank,
        enum ggml_type type, double slack, const char * what) {
    if (!check(out.ok, "%s: %s", what, out.error.c_str())) {
        return;
    }
    const flash_head_tensor_info & info = h.weight.info;
    const int64_t V = info.n_rows, d = info.n_cols, n_best = std::min<int64_t>(40, V);
    if (!check((int64_t) out.result.records.size() == hidden.n_rows*n_best*2, "%s: %zu numbers", what,
            out.result.records.size())) {
        return;
    }
    const runtime run(h, out.result.directions, rank, type);
    std::vector<float>    row(d);
    std::vector<double>   logits(V);
    std::vector<uint32_t> order(V);
    int64_t wrong_tokens = 0, wrong_ranks = 0;
    for (int64_t i = 0; i < hidden.n_rows; i++) {
        for (int64_t v = 0; v < V; v++) {
            h.weight.get(v, row.data());
            logits[v] = dot(row.data(), hidden.row(i), d);
            order [v] = (uint32_t) v;
        }
        std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return logits[a] > logits[b]; });
        const std::vector<double> e = run.estimate(hidden.row(i), d);
        for (int64_t k = 0; k < n_best; k++) {
            const uint32_t * record = &out.result.records[(i*n_best + k)*2];
            wrong_tokens += slack > 0.0 ? record[0] >= V
                    || std::fabs(logits[record[0]] - logits[order[k]]) > slack : record[0] != order[k];
            if (record[0] >= V) {
                continue;
            }
            int64_t least = 1, most = 1;
            for (int64_t v = 0; v < V; v++) {
                const double more  = e[v] - e[record[0]];
                const bool   other = v != record[0];
                const bool   tie   = slack == 0.0 && more == 0.0 && v < record[0];
                least += other && (more >  slack || tie);
                most  += other && (more > -slack || tie);
            }
            wrong_ranks += record[1] < least || record[1] > most;
        }
    }
    check(wrong_tokens == 0, "%s: %lld of the best tokens are others", what, (long long) wrong_tokens);
    check(wrong_ranks  == 0, "%s: %lld ranks are wrong", what, (long long) wrong_ranks);
}

static void test_records() {
    printf("records: against sorting, weights and centroids of several types, with and without a sketch\n");
    const struct { enum ggml_type weight, centroid; int32_t rank; int64_t V, d, K, n; } cases[] = {
        { GGML_TYPE_F32,  GGML_TYPE_F32,   0, 300,    64,  20, 150 },
        { GGML_TYPE_Q8_0, GGML_TYPE_Q4_0,  0, 1000,   64,  70, 150 },
        { GGML_TYPE_Q8_0, GGML_TYPE_Q4_0,  8, 1000,   64,  70, 150 },
        { GGML_TYPE_Q6_K, GGML_TYPE_Q4_0, 16, 2053,  256, 100, 150 },
        { GGML_TYPE_F16,  GGML_TYPE_F16,  24, 777,    40,  33, 150 },
        { GGML_TYPE_Q8_0, GGML_TYPE_Q4_0,  8, 4200, 2048,  33,   5 },    // more than is dequantised at a time
    };
    for (const auto & c : cases) {
        head h;
        flash_head_matrix hidden;
        set_head(&h, c.weight, c.V, c.d, c.K, 20, 10);
        fill_hidden(&hidden, c.n, c.d, 11);
        char what[100];
        snprintf(what, sizeof(what), "%s, %s centroids, rank %d", ggml_type_name(c.weight), ggml_type_name(c.centroid),
                c.rank);
        check_records(h, hidden, calibrate(h, hidden, c.n/2, c.rank, c.centroid), c.rank, c.centroid, 1e-4, what);
    }

    // small integers, clusters of 1, 2 and 4 rows: every product is exact, and many are equal
    head h;
    h.n_clusters = 70;
    for (uint32_t c = 0; c < 70; c++) {
        for (int i = 0; i < 1 << c % 3; i++) {
            h.cluster.push_back(69 - c);
        }
    }
    random_numbers random = { 12 };
    flash_head_matrix x, hidden;
    flash_head_matrix_init(&x, h.cluster.size(), 32);
    flash_head_matrix_init(&hidden, 130, 32);
    for (flash_head_matrix * m : { &x, &hidden }) {
        for (int64_t i = 0; i < m->n_rows; i++) {
            for (int64_t k = 0; k < 32; k++) {
                m->row(i)[k] = (float) (random.next() % 3) - 1.0f;
            }
        }
    }
    set_weight(&h.weight, GGML_TYPE_F32, x);
    check_records(h, hidden, calibrate(h, hidden, 130, 0, GGML_TYPE_F32), 0, GGML_TYPE_F32, 0.0, "ties");
}

static void test_low_rank() {
    printf("low rank: residuals of 8 directions are recovered by a sketch of rank 8\n");
    const int64_t V = 1500, d = 96, K = 90;
    head h;
    flash_head_matrix hidden;
    set_head(&h, GGML_TYPE_F32, V, d, K, 8, 20);
    fill_hidden(&hidden, 200, d, 21);
    const outcome with = calibrate(h, hidden, 128, 8, GGML_TYPE_F32), without =
            calibrate(h, hidden, 128, 0, GGML_TYPE_F32);
    if (!check(with.ok && without.ok, "%s%s", with.error.c_str(), without.error.c_str())) {
        return;
    }
    check(with.result.directions.kept > 0.9999, "kept %f", with.result.directions.kept);
    check(without.result.directions.rows.empty() && without.result.directions.activations.empty(),
            "directions without a sketch");

    const runtime run(h, with.result.directions, 8, GGML_TYPE_F32), plain(h, with.result.directions, 0, GGML_TYPE_F32);
    std::vector<float> row(d), centroid(d);
    double exact = 0.0, rounded = 0.0, residual = 0.0;
    for (int64_t i = 128; i < 200; i++) {    // states that were not fitted to
        const float * x = hidden.row(i);
        const std::vector<double> e = run.estimate(x, d), scores = plain.estimate(x, d);
        for (int64_t v = 0; v < V; v++) {
            h.weight.get(v, row.data());
            flash_head_row_get(run.centroids.data(), GGML_TYPE_F32, d, h.cluster[v], centroid.data());
            const double logit = dot(row.data(), x, d);
            double estimate = scores[v];
            for (int64_t j = 0; j < 8; j++) {
                const float * direction = &with.result.directions.rows[j*d];
                estimate += (dot(row.data(), direction, d) - dot(centroid.data(), direction,
                        d))*dot(&with.result.directions.activations[j*d], x, d);
            }
            exact    += (estimate - logit)*(estimate - logit);
            rounded  += (e[v]     - logit)*(e[v]     - logit);
            residual += (scores[v] - logit)*(scores[v] - logit);
        }
    }
    check(exact   < 1e-8*residual, "before rounding the estimates miss %g of the residuals", std::sqrt(exact/residual));
    // 1/16 of the largest of 8, squared
    check(rounded < 0.01*residual, "after rounding the estimates miss %g of the residuals",
            std::sqrt(rounded/residual));

    double required_with = 0.0, required_without = 0.0;
    for (size_t i = 1; i < with.result.records.size(); i += 2) {
        required_with    += with   .result.records[i];
        required_without += without.result.records[i];
    }
    check(required_with < 0.3*required_without, "mean required rank %.1f with the sketch, %.1f without",
            required_with/8000, required_without/8000);
}

static bool finite(const std::vector<float> & x) {
    return std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); });
}

static void test_threads() {
    printf("threads: 1, 2 and 3 give the same bytes\n");
    head h;
    flash_head_matrix hidden;
    set_head(&h, GGML_TYPE_Q8_0, 3000, 320, 190, 30, 30);
    fill_hidden(&hidden, 300, 320, 31);
    const outcome one = calibrate(h, hidden, 250, 16, GGML_TYPE_Q4_0, 1);
    for (int n_threads : { 1, 2, 3 }) {
        const outcome more = calibrate(h, hidden, 250, 16, GGML_TYPE_Q4_0, n_threads);
        check(one.ok && more.ok && one.result.directions.rows == more.result.directions.rows
            && one.result.directions.activations == more.result.directions.activations
            && one.result.directions.kept == more.result.directions.kept
            && one.result.records == more.result.records, "%d threads differ", n_threads);
    }
    const outcome fewer = calibrate(h, hidden, 249, 16);
    check(fewer.ok && fewer.result.directions.rows != one.result.directions.rows,
            "the number of rows to fit to has no effect");
}

static void test_degenerate() {
    printf("degenerate: no residuals, one state, states of zeros, constant rows, few rows and columns, numbers that "
            "are too large\n");
    head h;
    flash_head_matrix hidden, x;
    const auto sound = [&](const char * what, int64_t fit, int32_t rank, enum ggml_type type, double slack) {
        const outcome out = calibrate(h, hidden, fit, rank, type);
        check(out.ok && (int64_t) out.result.directions.rows.size() == rank*h.weight.info.n_cols
            && (int64_t) out.result.directions.activations.size() == rank*h.weight.info.n_cols, "%s: %s", what,
            out.error.c_str());
        check(finite(out.result.directions.rows) && finite(out.result.directions.activations),
                "%s: directions are not finite", what);
        check(out.result.directions.kept >= 0.0 && out.result.directions.kept <= 1.0, "%s: kept %f", what,
                out.result.directions.kept);
        check_records(h, hidden, out, rank, type, slack, what);
        return out;
    };
    const auto zeros = [](const outcome & out) {
        const std::vector<float> & rows = out.result.directions.rows;
        return std::all_of(rows.begin(), rows.end(), [](float v) { return v == 0.0f; });
    };

    fill_hidden(&hidden, 70, 64, 40);
    set_head(&h, GGML_TYPE_F32, 100, 64, 100, 10, 41);    // a cluster for every row
    outcome out = sound("no residuals", 70, 8, GGML_TYPE_F32, 1e-4);
    check(zeros(out) && out.result.directions.kept == 1.0, "no residuals: there are directions, kept %f",
            out.result.directions.kept);

    set_head(&h, GGML_TYPE_Q8_0, 900, 64, 60, 10, 42);
    sound("fewer states than columns", 20, 16, GGML_TYPE_Q4_0, 1e-4);
    sound("one state to fit to", 1, 8, GGML_TYPE_Q4_0, 1e-4);
    fill_hidden(&hidden, 1, 64, 43);
    sound("one state", 1, 8, GGML_TYPE_Q4_0, 1e-4);
    flash_head_matrix_init(&hidden, 40, 64);
    sound("states of zeros", 40, 8, GGML_TYPE_Q4_0, 0.0);

    fill_hidden(&hidden, 70, 64, 44);
    flash_head_matrix_init(&x, 900, 64);
    for (int64_t i = 0; i < 900; i++) {
        std::fill(x.row(i), x.row(i) + 64, 0.25f);
    }
    set_weight(&h.weight, GGML_TYPE_F32, x);
    out = sound("constant rows", 70, 8, GGML_TYPE_F32, 1e-3);
    check(zeros(out), "constant rows: there are directions");
    flash_head_matrix_init(&x, 900, 64);
    set_weight(&h.weight, GGML_TYPE_F32, x);
    out = sound("rows of zeros", 70, 8, GGML_TYPE_Q4_0, 0.0);
    check(zeros(out), "rows of zeros: there are directions");

    set_head(&h, GGML_TYPE_Q8_0, 33, 64, 4, 10, 45);
    sound("fewer rows than a record", 70, 8, GGML_TYPE_Q4_0, 1e-4);
    set_head(&h, GGML_TYPE_F32, 2, 64, 2, 10, 46);
    sound("two rows", 70, 64, GGML_TYPE_Q4_0, 1e-4);
    fill_hidden(&hidden, 70, 33, 47);
    set_head(&h, GGML_TYPE_F16, 500, 33, 31, 10, 48);
    sound("33 columns, rank 64", 70, 64, GGML_TYPE_F16, 1e-4);
    set_head(&h, GGML_TYPE_F32, 500, 33, 1, 10, 49);
    sound("one cluster", 70, 8, GGML_TYPE_F32, 1e-4);

    for (float scale : { 1e-30f, 1e-12f, 1e12f }) {    // their squares leave the range of floats
        set_head(&h, GGML_TYPE_F32, 500, 33, 31, 10, 50);
        fill_hidden(&hidden, 70, 33, 51);
        for (int64_t i = 0; i < 500*33; i++) {
            ((float *) h.weight.data.data)[i] *= scale;
        }
        h.weight.most *= scale;
        for (int64_t i = 0; i < 70; i++) {
            for (int64_t k = 0; k < 33; k++) {
                hidden.row(i)[k] /= scale;
            }
        }
        char what[50];
        snprintf(what, sizeof(what), "weights around %g", 0.1*scale);
        out = sound(what, 70, 16, GGML_TYPE_F32, 1e-4);
        check(out.result.directions.kept > 0.5, "%s: kept %f", what, out.result.directions.kept);
    }
    for (int64_t i = 0; i < 500*33; i++) {
        ((float *) h.weight.data.data)[i] *= 1e20f;
    }
    for (int64_t k = 0; k < 33; k++) {
        hidden.row(5)[k] = 1e20f;
    }
    out = calibrate(h, hidden, 70, 0, GGML_TYPE_F32);
    check(!out.ok && out.error.find("the logits of hidden state 5 are not finite") != std::string::npos,
            "logits beyond floats: %s", out.error.c_str());

    flash_head_matrix_init(&x, 900, 64);
    x.row(7)[3] = 1e9f;
    set_weight(&h.weight, GGML_TYPE_F32, x);
    set_clusters(&h, 900, 60, 52);
    fill_hidden(&hidden, 70, 64, 53);
    out = calibrate(h, hidden, 70, 8, GGML_TYPE_Q4_0);
    check(!out.ok && out.error.find("rows too large for centroids of type q4_0") != std::string::npos,
            "centroids beyond their type: %s", out.error.c_str());
}

int main() {
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr);
    test_algebra();
    test_records();
    test_low_rank();
    test_threads();
    test_degenerate();
    test_thread_numbers(check);
    return check.finish();
}
