// Tests of calibration on synthetic heads: records, recovery of known residuals, threads and degenerate input. Tests of
// the algebra are in calibrate-algebra.cpp.

#include "calibrate-fixture.h"

#include "records.h"
#include "threads-test.h"

#include <cstring>
#include <stdexcept>

checker check;

struct outcome {
    bool                        ok;
    flash_head_calibrate_params params;
    flash_head_calibration      result;
    std::string                 error;
};

// Sizes of codes for small heads.
static flash_head_calibrate_params small_params(enum ggml_type centroid_type = GGML_TYPE_Q4_0) {
    flash_head_calibrate_params params;
    params.centroid_type = centroid_type;
    params.coarse_bits   = 40;
    params.n_directions  = 16;
    return params;
}

static outcome calibrate(const head & h, const flash_head_matrix & hidden, const std::vector<int64_t> & kinds,
        const flash_head_calibrate_params & params, int n_threads = 2) {
    outcome out;
    out.params = params;
    double last  = 0.0;
    bool   falls = false;
    out.params.progress = [&](const char *, double fraction) {
        falls = falls || fraction < last || fraction > 1.0 + 1e-9;
        last  = fraction;
    };
    try {
        out.result = flash_head_calibrate({ h.weight, h.cluster, h.n_clusters }, { hidden, kinds }, out.params,
                flash_head_pool_new(n_threads).get());
    } catch (const std::runtime_error & e) {
        out.error = e.what();
    }
    out.ok              = out.error.empty();
    out.params.progress = nullptr;
    check(!out.ok || (!falls && last > 0.999), "progress went back or ended at %f", last);
    return out;
}

static bool differs(double a, double b, double slack) {
    return !(std::fabs(a - b) <= slack);
}

// KL(softmax(dense) || softmax(others)), computed naively.
static double divergence_of(const std::vector<double> & dense, const std::vector<double> & others) {
    const double a = *std::max_element(dense.begin(), dense.end()), b = *std::max_element(others.begin(), others.end());
    double sum_a = 0.0, sum_b = 0.0, kld = 0.0;
    for (size_t v = 0; v < dense.size(); v++) {
        sum_a += std::exp(dense[v] - a);
        sum_b += std::exp(others[v] - b);
    }
    for (size_t v = 0; v < dense.size(); v++) {
        const double log_a = dense[v] - a - std::log(sum_a), log_b = others[v] - b - std::log(sum_b);
        kld += std::exp(log_a)*(log_a - log_b);
    }
    return kld;
}

struct wrong_records {
    int64_t divergences = 0, flags = 0, estimates = 0, n_exact = 0;
};

// Compares a record with one from dense logits and the runtime's estimates. Logits may be off by slack.
static void compare_record(const uint32_t * record, const std::vector<double> & dense, const std::vector<float> & e,
        double slack, wrong_records * wrong) {
    const int64_t V = (int64_t) dense.size();
    std::vector<double> others(V);
    for (int64_t v = 0; v < V; v++) {
        const bool exact = e[v] == FLASH_HEAD_ESTIMATOR_EXACT;
        others[v] = exact ? dense[v] : e[v];
        wrong->n_exact += exact;
    }
    const double want = divergence_of(dense, others);
    float got;
    memcpy(&got, record, sizeof(got));
    wrong->divergences += differs(got, want, 1e-4 + 1e-3*want);
    const int64_t best = std::max_element(others.begin(), others.end()) - others.begin();
    const int64_t top  = std::max_element(dense.begin(), dense.end()) - dense.begin();
    const bool    near = best != top && !differs(others[best], others[top], 10*slack);
    wrong->flags += record[1] > 1 || (!near && record[1] != (best == top));
}

// The number of violations of two rules: exact tokens have the best estimates, and there are about n of them or more.
static int64_t wrong_marks(const std::vector<float> & marked, const std::vector<float> & pure, int64_t n) {
    float worst = INFINITY, best = -INFINITY;
    int64_t n_marked = 0;
    for (size_t v = 0; v < pure.size(); v++) {
        const bool exact = marked[v] == FLASH_HEAD_ESTIMATOR_EXACT;
        n_marked += exact;
        (exact ? worst : best) = exact ? std::min(worst, pure[v]) : std::max(best, pure[v]);
    }
    return (worst < best) + (n_marked < n - n/5);
}

// Checks the records of the states from `first` on against naive sums.
static void check_records(const head & h, const flash_head_matrix & hidden, int64_t first, const outcome & out,
        double slack, const char * what) {
    if (!check(out.ok, "%s: %s", what, out.error.c_str())) {
        return;
    }
    const flash_head_tensor_info & info = h.weight.info;
    const int64_t V = info.n_rows, d = info.n_cols, size = FLASH_HEAD_RECORD_SIZE;
    if (!check((int64_t) out.result.records.size() == (hidden.n_rows - first)*size,
            "%s: %zu numbers in the records", what, out.result.records.size())) {
        return;
    }
    runtime run(h, out.result, out.params);
    const int64_t n_exact = (out.params.n_probe*V + h.n_clusters - 1)/h.n_clusters;
    std::vector<float>  row(d);
    std::vector<double> dense(V);
    wrong_records wrong;
    for (int64_t i = first; i < hidden.n_rows; i++) {
        std::vector<float> marked = run.estimate(hidden, i, out.params.n_probe, out.params.tolerance);
        std::vector<float> pure   = run.estimate(hidden, i);
        for (int64_t v = 0; v < V; v++) {
            const float bias = h.weight.bias.empty() ? 0.0f : h.weight.bias[v];
            h.weight.get(v, row.data());
            dense[v] = dot(row.data(), hidden.row(i), d) + bias;
            marked[v] += marked[v] == FLASH_HEAD_ESTIMATOR_EXACT ? 0.0f : bias;
            pure[v]   += bias;
        }
        compare_record(&out.result.records[(i - first)*size], dense, marked, slack, &wrong);
        wrong.estimates += wrong_marks(marked, pure, n_exact);
    }
    check(wrong.estimates == 0, "%s: the exact tokens of %lld states are wrong", what,
            (long long) wrong.estimates);
    const double n_recorded = (double) (hidden.n_rows - first);
    check(n_recorded == 0 || !differs(out.result.exact, wrong.n_exact/n_recorded, 1e-6*wrong.n_exact),
            "%s: %f tokens are exact, expected %f", what, out.result.exact, wrong.n_exact/n_recorded);
    check(wrong.divergences == 0, "%s: %lld divergences are wrong", what, (long long) wrong.divergences);
    check(wrong.flags == 0, "%s: %lld flags are wrong", what, (long long) wrong.flags);
}

static void test_records() {
    printf("records: against naive sums, for several types of weights and centroids and sizes of codes\n");
    const struct {
        enum ggml_type weight, centroid;
        int32_t coarse_bits, fine_bytes, n_near, n_directions;
        int64_t n_probe, V, d, K, n;
        float   tolerance;
    } cases[] = {
        { GGML_TYPE_F32,  GGML_TYPE_F32,  8,   0,  300,  4,   1,  300,  64,   20,  150, 0.0f  },
        { GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 64,  0,  1000, 40,  3,  1000, 64,   70,  150, 0.01f },
        { GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 64,  32, 1000, 64,  3,  1000, 64,   70,  150, 0.01f },
        { GGML_TYPE_Q6_K, GGML_TYPE_Q4_0, 256, 96, 2053, 256, 10, 2053, 256,  100, 150, 0.0f  },
        { GGML_TYPE_F16,  GGML_TYPE_F16,  96,  32, 777,  24,  33, 777,  40,   33,  150, 0.0f  },
        { GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 40,  64, 4200, 16,  1,  4200, 2048, 33,  105, 0.1f  }, // several row spans
    };
    for (const auto & c : cases) {
        head h;
        flash_head_matrix hidden;
        set_head(&h, c.weight, c.V, c.d, c.K, 20, 10);
        fill_hidden(&hidden, c.n, c.d, 11);
        char what[100];
        snprintf(what, sizeof(what), "%s, %s centroids, %d bits, %d bytes", ggml_type_name(c.weight),
                ggml_type_name(c.centroid), c.coarse_bits, c.fine_bytes);
        flash_head_calibrate_params params;
        params.centroid_type = c.centroid;
        params.coarse_bits   = c.coarse_bits;
        params.fine_bytes    = c.fine_bytes;
        params.n_near        = c.n_near;
        params.n_directions  = c.n_directions;
        params.n_probe       = c.n_probe;
        params.tolerance     = c.tolerance;
        check_records(h, hidden, 100, calibrate(h, hidden, { 60, 40 }, params), 1e-4, what);
    }

    // a bias, which the runtime's logits do not contain, changes the exact tokens and the divergence
    {
        head h;
        flash_head_matrix hidden;
        set_head(&h, GGML_TYPE_Q8_0, 1000, 64, 70, 20, 10);
        fill_hidden(&hidden, 150, 64, 11);
        flash_head_calibrate_params params = small_params();
        params.fine_bytes = 32;
        params.n_near     = 100;
        params.n_probe    = 2;
        const outcome without = calibrate(h, hidden, { 60, 40 }, params);
        random_numbers random = { 13 };
        for (int64_t v = 0; v < 1000; v++) {
            h.weight.bias.push_back(3.0f*random.normal());
        }
        const outcome with = calibrate(h, hidden, { 60, 40 }, params);
        check_records(h, hidden, 100, with, 1e-4, "a bias");
        check(with.result.directions.rows == without.result.directions.rows, "a bias changes the directions");
        check(with.result.records != without.result.records, "a bias changes no record");
    }

    // small integers, clusters of 1, 2 and 4 rows: every product is exact, and there are many ties
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
    check_records(h, hidden, 10, calibrate(h, hidden, { 10 }, small_params(GGML_TYPE_F32)), 0.0, "ties");

    const outcome all = calibrate(h, hidden, { 130 }, small_params(GGML_TYPE_F32));
    check(all.ok && all.result.records.empty(), "there are records of states in the fit");
}

// The share of the residuals' energy at these states that estimates miss.
static double missed(const head & h, const flash_head_matrix & hidden, int64_t first, runtime * run) {
    const int64_t d = h.weight.info.n_cols;
    std::vector<float> row(d), centroid(d);
    double error = 0.0, residual = 0.0;
    for (int64_t i = first; i < hidden.n_rows; i++) {
        const std::vector<float> e = run->estimate(hidden, i);
        for (int64_t v = 0; v < h.weight.info.n_rows; v++) {
            h.weight.get(v, row.data());
            flash_head_row_get(run->centroids.data(), GGML_TYPE_F32, d, h.cluster[v], centroid.data());
            const double logit = dot(row.data(), hidden.row(i), d), score = dot(centroid.data(), hidden.row(i), d);
            error    += (e[v]  - logit)*(e[v]  - logit);
            residual += (score - logit)*(score - logit);
        }
    }
    return error/residual;
}

static void test_low_rank() {
    printf("low rank: 8 directions of 5 bits recover residuals of rank 8\n");
    const int64_t V = 1500, d = 96, K = 90;
    head h;
    flash_head_matrix hidden;
    set_head(&h, GGML_TYPE_F32, V, d, K, 8, 20);
    fill_hidden(&hidden, 200, d, 21);
    flash_head_calibrate_params params = small_params(GGML_TYPE_F32);
    params.n_directions = 8;
    const outcome out = calibrate(h, hidden, { 128 }, params);
    if (!check(out.ok, "%s", out.error.c_str())) {
        return;
    }
    const flash_head_directions & directions = out.result.directions;
    check(directions.kept > 0.9999, "kept %f", directions.kept);
    runtime run(h, out.result, params);
    const double share = missed(h, hidden, 128, &run);
    check(share < 0.01, "estimates miss %g of the residuals", share);

    std::vector<float> row(d), centroid(d);
    for (int64_t j = 0; j < 8; j++) {
        double square = 0.0, worst = 0.0;
        for (int64_t v = 0; v < V; v++) {
            h.weight.get(v, row.data());
            flash_head_row_get(run.centroids.data(), GGML_TYPE_F32, d, h.cluster[v], centroid.data());
            const double y = dot(row.data(), &directions.rows[j*d], d) - dot(centroid.data(), &directions.rows[j*d], d);
            square += y*y/V;
        }
        for (int64_t i = 0; i < 8; i++) {
            const double product = dot(&directions.rows[j*d], &directions.activations[i*d], d);
            worst = std::max(worst, std::fabs(product - (i == j ? 1.0 : 0.0)));
        }
        check(std::fabs(square/directions.variances[j] - 1.0) < 1e-3, "direction %lld: variance %g, expected %g",
                (long long) j, directions.variances[j], square);
        check(worst < 1e-3, "direction %lld: products with activations are off by %g", (long long) j, worst);
    }
}

static void test_without_states() {
    printf("without states: the metric is the identity, and there are no records\n");
    head h;
    flash_head_matrix hidden, none;
    set_head(&h, GGML_TYPE_F32, 1500, 96, 90, 8, 20);
    fill_hidden(&hidden, 20, 96, 21);
    flash_head_calibrate_params params = small_params(GGML_TYPE_F32);
    params.n_directions = 8;
    const outcome out = calibrate(h, none, {}, params);
    if (!check(out.ok && out.result.records.empty(), "%s", out.error.c_str())) {
        return;
    }
    check(out.result.weights == std::vector<float>(96, 1.0f), "the weights are not ones");
    double worst = 0.0;
    for (size_t i = 0; i < out.result.directions.rows.size(); i++) {
        worst = std::max(worst, std::fabs((double) out.result.directions.rows[i]
                - out.result.directions.activations[i]));
    }
    check(worst < 1e-6, "rows and activations differ by %g", worst);
    runtime run(h, out.result, params);
    const double share = missed(h, hidden, 0, &run);
    check(share < 0.02, "estimates miss %g of the residuals", share);
}

static bool same(const flash_head_calibration & a, const flash_head_calibration & b) {
    return a.directions.rows == b.directions.rows && a.directions.activations == b.directions.activations
        && a.directions.variances == b.directions.variances && a.directions.kept == b.directions.kept
        && a.weights == b.weights && a.records == b.records;
}

static void test_threads() {
    printf("threads: 1, 2 and 3 give the same bytes; the division into kinds has an effect\n");
    head h;
    flash_head_matrix hidden;
    set_head(&h, GGML_TYPE_Q8_0, 3000, 320, 190, 30, 30);
    fill_hidden(&hidden, 300, 320, 31);
    flash_head_calibrate_params params = small_params();
    params.n_directions = 64;
    params.fine_bytes   = 32;
    params.n_near       = 300;
    const outcome one = calibrate(h, hidden, { 200, 50 }, params, 1);
    check(one.ok && !one.result.records.empty(), "%s", one.error.c_str());
    for (int n_threads : { 1, 2, 3 }) {
        const outcome more = calibrate(h, hidden, { 200, 50 }, params, n_threads);
        check(more.ok && same(one.result, more.result), "%d threads differ", n_threads);
    }
    const outcome other = calibrate(h, hidden, { 100, 150 }, params);
    check(other.ok && other.result.directions.rows != one.result.directions.rows, "kinds have no effect");
}

static bool finite(const std::vector<float> & x) {
    return std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); });
}

// Checks that everything in a calibration is finite and of the right size, and that its records are right.
static outcome check_sound(const char * what, const head & h, const flash_head_matrix & hidden, int64_t fit,
        const flash_head_calibrate_params & params, double slack) {
    const outcome out = calibrate(h, hidden, { fit }, params);
    const size_t  n   = out.result.directions.variances.size(), d = (size_t) h.weight.info.n_cols;
    check(out.ok && 5*(int32_t) n >= params.coarse_bits && out.result.directions.rows.size() == n*d
            && out.result.directions.activations.size() == n*d && out.result.weights.size() == d, "%s: %s", what,
            out.error.c_str());
    check(finite(out.result.directions.rows) && finite(out.result.directions.activations)
            && finite(out.result.weights), "%s: numbers are not finite", what);
    check(out.result.directions.kept >= 0.0 && out.result.directions.kept <= 1.0, "%s: kept %f", what,
            out.result.directions.kept);
    check_records(h, hidden, fit, out, slack, what);
    return out;
}

static void test_degenerate() {
    printf("degenerate: no residuals, one state, states of zeros, constant rows, few rows and columns\n");
    head h;
    flash_head_matrix hidden, x;
    const flash_head_calibrate_params floats = small_params(GGML_TYPE_F32), nibbles = small_params();
    const auto zeros = [](const outcome & out) {
        const std::vector<double> & v = out.result.directions.variances;
        return std::all_of(v.begin(), v.end(), [](double value) { return value == 0.0; });
    };
    fill_hidden(&hidden, 70, 64, 40);
    set_head(&h, GGML_TYPE_F32, 100, 64, 100, 10, 41); // a cluster for every row
    outcome out = check_sound("no residuals", h, hidden, 50, floats, 1e-4);
    check(zeros(out) && out.result.directions.kept == 1.0, "no residuals: there are directions, kept %f",
            out.result.directions.kept);

    set_head(&h, GGML_TYPE_Q8_0, 900, 64, 60, 10, 42);
    check_sound("fewer states than columns", h, hidden, 20, nibbles, 1e-4);
    check_sound("one state to fit to", h, hidden, 1, nibbles, 1e-4);
    flash_head_matrix_init(&hidden, 40, 64);
    check_sound("states of zeros", h, hidden, 30, nibbles, 0.0);

    fill_hidden(&hidden, 70, 64, 44);
    flash_head_matrix_init(&x, 900, 64);
    for (int64_t i = 0; i < 900; i++) {
        std::fill(x.row(i), x.row(i) + 64, 0.25f);
    }
    set_weight(&h.weight, GGML_TYPE_F32, x);
    out = check_sound("constant rows", h, hidden, 50, floats, 1e-3);
    check(zeros(out), "constant rows: there are directions");
    flash_head_matrix_init(&x, 900, 64);
    set_weight(&h.weight, GGML_TYPE_F32, x);
    out = check_sound("rows of zeros", h, hidden, 50, nibbles, 0.0);
    check(zeros(out), "rows of zeros: there are directions");

    set_head(&h, GGML_TYPE_Q8_0, 33, 64, 4, 10, 45);
    check_sound("fewer rows than a record", h, hidden, 50, nibbles, 1e-4);
    set_head(&h, GGML_TYPE_F32, 2, 64, 2, 10, 46);
    check_sound("two rows", h, hidden, 50, floats, 1e-4);
    flash_head_calibrate_params many = small_params(GGML_TYPE_F16);
    many.coarse_bits  = 200; // of which 33 columns take 165
    many.n_directions = 64;
    fill_hidden(&hidden, 70, 33, 47);
    set_head(&h, GGML_TYPE_F16, 500, 33, 31, 10, 48);
    check_sound("33 columns, 64 directions", h, hidden, 50, many, 1e-4);
    set_head(&h, GGML_TYPE_F32, 500, 33, 1, 10, 49);
    check_sound("one cluster", h, hidden, 50, floats, 1e-4);
}

static void test_scales() {
    printf("scales: numbers whose squares overflow or underflow, and numbers that are too large\n");
    head h;
    flash_head_matrix hidden, x;
    const flash_head_calibrate_params floats = small_params(GGML_TYPE_F32);
    for (float scale : { 1e-12f, 1e12f }) {
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
        const outcome out = check_sound(what, h, hidden, 50, floats, 1e-4);
        check(out.result.directions.kept > 0.5, "%s: kept %f", what, out.result.directions.kept);
    }
    for (int64_t k = 0; k < 33; k++) {
        hidden.row(55)[k] = hidden.row(60)[k] = 1e30f; // the weights are around 1e11
    }
    const outcome huge = calibrate(h, hidden, { 50 }, floats);
    check(!huge.ok && huge.error.find(" of hidden state 55 are not finite") != std::string::npos,
            "logits that overflow: %s", huge.error.c_str());

    flash_head_matrix_init(&x, 900, 64);
    x.row(7)[3] = 1e9f;
    set_weight(&h.weight, GGML_TYPE_F32, x);
    set_clusters(&h, 900, 60, 52);
    fill_hidden(&hidden, 70, 64, 53);
    outcome out = calibrate(h, hidden, { 50 }, small_params());
    check(!out.ok && out.error.find("rows too large for centroids of type q4_0") != std::string::npos,
            "centroids that overflow their type: %s", out.error.c_str());

    x.row(7)[3] = 1e30f;
    set_weight(&h.weight, GGML_TYPE_F32, x);
    out = calibrate(h, hidden, { 50 }, floats);
    check(!out.ok && out.error.find("rows too large for codes") != std::string::npos, "variances that overflow: %s",
            out.error.c_str());
}

int main() {
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr);
    test_algebra();
    test_records();
    test_low_rank();
    test_without_states();
    test_threads();
    test_degenerate();
    test_scales();
    test_thread_numbers(check);
    return check.finish();
}
