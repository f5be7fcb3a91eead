// Tests of the clustering on synthetic rows: balance, determinism, quality, degenerate input, files.

#include "check.h"

#include "flash-head-cluster.h"
#include "ggml-backend.h"
#include "gguf.h"
#include "matmul.h"
#include "random-numbers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>

static checker check;

// n rows of d columns, scattered by noise around n_topics directions. As in embeddings, topics lie in areas that share
// a common part.
static std::vector<float> make_rows(int64_t n, int64_t d, int64_t n_topics, float noise, uint64_t seed) {
    random_numbers random = { seed };
    const int64_t n_areas = 40;
    std::vector<float> topics(n_topics*d), rows(n*d), areas(n_areas*d);
    for (int64_t i = 0; i < n_areas*d; i++) {
        areas[i] = (i < d ? 0.0f : areas[i % d]) + random.normal();
    }
    for (int64_t i = 0; i < n_topics*d; i++) {
        topics[i] = areas[i/d % n_areas*d + i % d] + random.normal();
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < d; k++) {
            rows[i*d + k] = 0.05f*(topics[i % n_topics*d + k] + noise*random.normal());
        }
    }
    return rows;
}

static void set_rows(flash_head_unit_rows * rows, const std::vector<float> & x, int64_t d,
        enum ggml_type type = flash_head_matmul_best_type()) {
    const int64_t n = x.size()/d;
    flash_head_unit_rows_init(rows, type, n, d);
    std::vector<float> tmp(rows->n_stride);
    for (int64_t i = 0; i < n; i++) {
        GGML_ASSERT(flash_head_unit_rows_set(rows, i, &x[i*d], tmp.data()));
    }
}

struct outcome {
    bool                      ok;
    flash_head_cluster_result result;
};

static outcome cluster(const flash_head_unit_rows & rows, const flash_head_cluster_params & params, int n_threads = 2) {
    outcome out = {};
    try {
        out.result = flash_head_cluster_rows(&rows, &params, flash_head_pool_new(n_threads).get());
        out.ok     = true;
    } catch (const std::runtime_error &) {
    }
    return out;
}

// Whether there are ceil(rows/m) clusters, none is empty, and sizes differ by at most one.
static bool balanced(const flash_head_cluster_result & r, int64_t n_rows, int64_t m) {
    const int64_t n_clusters = (n_rows + m - 1)/m;
    if (r.n_clusters != n_clusters || (int64_t) r.cluster.size() != n_rows) {
        return false;
    }
    std::vector<int64_t> count(n_clusters, 0);
    for (uint32_t c : r.cluster) {
        if (c >= n_clusters) {
            return false;
        }
        count[c]++;
    }
    const auto range = std::minmax_element(count.begin(), count.end());
    return *range.first >= 1 && *range.second - *range.first <= 1;
}

static double random_objective(const flash_head_unit_rows & rows, int64_t n_clusters) {
    random_numbers random = { 99 };
    std::vector<uint32_t> any(rows.n_rows);
    for (size_t i = 0; i < any.size(); i++) {
        any[i] = (uint32_t) (i % n_clusters);
    }
    for (size_t i = any.size() - 1; i > 0; i--) {
        std::swap(any[i], any[random.next() % (i + 1)]);
    }
    return flash_head_objective(&rows, any, n_clusters, flash_head_pool_new(2).get());
}

static void test_sizes() {
    printf("sizes: full and partial clusters, tiny inputs, odd numbers of columns\n");
    const struct { int64_t n, d; int m; } cases[] = {
        { 4000, 64, 16 }, { 1003, 64, 16 }, { 1009, 40, 7 }, { 33, 8, 16 }, { 32, 1, 16 }, { 17, 5, 16 }, { 3, 33, 2 },
        { 2, 32, 1 }, { 50, 32, 1 }, { 300, 32, 250 },
    };
    for (const auto & c : cases) {
        for (int64_t n_candidates : { 0, 16 }) {
            flash_head_unit_rows rows;
            set_rows(&rows, make_rows(c.n, c.d, std::min<int64_t>(c.n, 50), 1.0f, 3), c.d);
            flash_head_cluster_params params;
            params.cluster_size = c.m;
            params.iterations   = 3;
            params.n_candidates = n_candidates;
            const outcome out = cluster(rows, params);
            check(out.ok && balanced(out.result, c.n, c.m), "%lld rows of %lld, %d a cluster: not balanced",
                    (long long) c.n, (long long) c.d, c.m);
            check(std::isfinite(out.result.objective), "%lld rows of %lld: objective", (long long) c.n,
                    (long long) c.d);
        }
    }
    flash_head_unit_rows few;
    set_rows(&few, make_rows(16, 32, 4, 1.0f, 3), 32);
    check(!cluster(few, flash_head_cluster_params()).ok, "16 rows were split into two clusters of 16");
    flash_head_cluster_params none;
    none.cluster_size = 0;
    check(!cluster(few, none).ok, "a cluster size of 0 was accepted");
}

static void test_threads() {
    printf("threads: 1, 2 and 3 give the same clusters, another seed gives others\n");
    std::vector<float> x = make_rows(6000, 72, 400, 1.0f, 4);
    std::fill(x.begin(), x.begin() + 72*100, 0.0f);    // some equal rows too
    flash_head_unit_rows rows;
    set_rows(&rows, x, 72);
    for (int64_t n_candidates : { 375, 64 }) {
        flash_head_cluster_params params;
        params.iterations   = 4;
        params.n_candidates = n_candidates;
        const outcome one = cluster(rows, params, 1);
        for (int n_threads : { 1, 2, 3 }) {
            const outcome more = cluster(rows, params, n_threads);
            check(one.ok && more.ok && one.result.cluster == more.result.cluster, "%d threads differ (%lld candidates)",
                    n_threads, (long long) n_candidates);
            check(one.result.objective == more.result.objective, "%d threads: the objective differs", n_threads);
        }
        params.seed = 1;
        check(cluster(rows, params, 2).result.cluster != one.result.cluster, "the seed has no effect");
    }
}

static void test_objective() {
    printf("objective: falls far below random clusters, equals its definition; limited search comes close to full "
            "search\n");
    const int64_t n = 12800, d = 64, n_clusters = n/16;
    flash_head_unit_rows rows;
    set_rows(&rows, make_rows(n, d, 900, 0.8f, 5), d);
    flash_head_cluster_params params;
    params.n_candidates = n_clusters;
    params.start        = 0;
    double last  = 0.0;
    bool   falls = false;
    params.progress = [&](const flash_head_cluster_progress & p) {
        falls = falls || p.fraction < last || p.fraction > 1.0;
        last  = p.fraction;
    };
    const outcome full = cluster(rows, params);
    check(!falls, "progress went back or beyond 1");
    check(last > 0.99, "progress ended at %f", last);
    const std::vector<double> & f = full.result.objectives;
    check((int) f.size() == params.iterations, "%zu objectives", f.size());
    check(f.back() < 0.95*f.front(), "the objective went from %f to %f", f.front(), f.back());
    check(full.result.objective < 0.75*random_objective(rows, n_clusters), "%f is close to random clusters",
            full.result.objective);

    // the definition: mean of 1 - cosine(row, mean of its cluster)
    std::vector<double> mean(n_clusters*d, 0.0);
    std::vector<float>  x(rows.n_stride);
    for (int64_t i = 0; i < n; i++) {
        flash_head_unit_rows_get(&rows, i, x.data());
        for (int64_t k = 0; k < d; k++) {
            mean[full.result.cluster[i]*d + k] += x[k];
        }
    }
    double total = 0.0;
    for (int64_t i = 0; i < n; i++) {
        flash_head_unit_rows_get(&rows, i, x.data());
        double dot = 0.0, length = 0.0;
        for (int64_t k = 0; k < d; k++) {
            const double m = mean[full.result.cluster[i]*d + k];
            dot    += x[k]*m;
            length += m*m;
        }
        total += 1.0 - dot/std::sqrt(length);
    }
    check(std::fabs(total/n - full.result.objective) < 1e-3, "objective %f, by definition %f", full.result.objective,
            total/n);

    params.progress     = nullptr;
    params.n_candidates = n_clusters/8;
    const outcome limited = cluster(rows, params);
    check(balanced(limited.result, n, 16), "limited search: not balanced");
    check(limited.result.objective < 1.04*full.result.objective, "limited search reaches %f, full search %f",
            limited.result.objective, full.result.objective);
    printf("    random %.4f, full %.4f, limited %.4f\n", random_objective(rows, n_clusters), full.result.objective,
            limited.result.objective);
}

static void test_planted() {
    printf("planted: planted clusters are found\n");
    const int64_t n_clusters = 200, n = 16*n_clusters, d = 64;
    flash_head_unit_rows rows;
    set_rows(&rows, make_rows(n, d, n_clusters, 0.3f, 6), d);    // row i belongs to i % n_clusters
    const outcome out = cluster(rows, flash_head_cluster_params());
    int64_t together = 0, pairs = 0;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = i + n_clusters; j < n; j += n_clusters) {
            pairs++;
            together += out.result.cluster[i] == out.result.cluster[j];
        }
    }
    printf("    %.1f %% of the pairs together\n", 100.0*together/pairs);
    check(together > 0.8*pairs, "only %.1f %% of the pairs are together", 100.0*together/pairs);
}

static void test_degenerate() {
    printf("degenerate: zero rows, equal rows, nearly equal rows, NaN and infinity\n");
    const int64_t d = 48;
    flash_head_cluster_params params;
    params.iterations = 4;

    std::vector<float> x(2000*d, 0.0f);
    flash_head_unit_rows zeros;
    set_rows(&zeros, x, d);
    check(balanced(cluster(zeros, params).result, 2000, 16), "zero rows only: not balanced");

    // 100 zero rows among others: they fill 6 clusters
    x = make_rows(2000, d, 100, 1.0f, 7);
    std::fill(x.begin(), x.begin() + 100*d, 0.0f);
    flash_head_unit_rows some;
    set_rows(&some, x, d);
    check(balanced(cluster(some, params).result, 2000, 16), "some zero rows: not balanced");

    // 60 different rows, each 50 times; the last clusters hold the remainders
    const std::vector<float> base = make_rows(60, d, 60, 1.0f, 8);
    for (int64_t i = 0; i < 3000; i++) {
        x.resize(3000*d);
        std::copy_n(&base[i % 60*d], d, &x[i*d]);
    }
    flash_head_unit_rows equal;
    set_rows(&equal, x, d);
    outcome out = cluster(equal, params);
    check(balanced(out.result, 3000, 16), "equal rows: not balanced");
    std::vector<int64_t> first(out.result.n_clusters, -1);
    std::vector<bool>    pure (out.result.n_clusters, true);
    for (int64_t i = 0; i < 3000; i++) {
        int64_t & f = first[out.result.cluster[i]];
        f = f < 0 ? i % 60 : f;
        pure[out.result.cluster[i]] = pure[out.result.cluster[i]] && f == i % 60;
    }
    check(std::count(pure.begin(), pure.end(), true) >= 60*3, "equal rows do not stay together");

    random_numbers random = { 9 };
    for (float & v : x) {
        v += 1e-4f*random.normal();
    }
    flash_head_unit_rows nearly;
    set_rows(&nearly, x, d);
    params.n_candidates = 32;
    out = cluster(nearly, params);
    check(balanced(out.result, 3000, 16), "nearly equal rows: not balanced");
    check(out.result.objective < 0.5*random_objective(nearly, out.result.n_clusters), "nearly equal rows: objective %f",
            out.result.objective);

    flash_head_unit_rows one;
    flash_head_unit_rows_init(&one, GGML_TYPE_F16, 1, d);
    std::vector<float> row(d, 1.0f), tmp(one.n_stride);
    for (float bad : { NAN, INFINITY, -INFINITY }) {
        row[d - 1] = bad;
        check(!flash_head_unit_rows_set(&one, 0, row.data(), tmp.data()), "%f was accepted", bad);
    }
    for (float scale : { 1e-44f, 1e-30f, 1e30f, 3e38f }) {
        std::fill(row.begin(), row.end(), scale);
        check(flash_head_unit_rows_set(&one, 0, row.data(), tmp.data()), "%g was refused", scale);
        flash_head_unit_rows_get(&one, 0, tmp.data());
        check(std::fabs(tmp[0] - 1.0/std::sqrt((double) d)) < 1e-3, "%g: scaled to %f", scale, tmp[0]);
    }
}

// A path for this run of the test only.
static std::filesystem::path temporary_path(const char * name) {
    return std::filesystem::temp_directory_path() / ("test-flash-head-cluster-"
            + std::to_string((uintptr_t) &check ^ (uintptr_t) time(nullptr)) + name);
}

// Writes a GGUF file with one tensor "w" [d, n] (n = 0: a vector) of the given type.
static void write_model(const std::string & path, enum ggml_type type, std::vector<float> x, int64_t d, int64_t n) {
    struct ggml_init_params init = { ggml_tensor_overhead()*2 + ggml_row_size(type, d)*std::max<int64_t>(1, n) + 1024,
            nullptr, false };
    struct ggml_context * ctx = ggml_init(init);
    struct ggml_tensor  * t   = n ? ggml_new_tensor_2d(ctx, type, d, n) : ggml_new_tensor_1d(ctx, type, d);
    ggml_set_name(t, "w");
    if (d > 0) {
        ggml_quantize_chunk(type, x.data(), t->data, 0, std::max<int64_t>(1, n), d, nullptr);
    } else {
        t->data = x.data(); // without columns ggml allocates no data, but writes some
    }
    struct gguf_context * gguf = gguf_init_empty();
    gguf_add_tensor(gguf, t);
    gguf_write_to_file(gguf, path.c_str(), false);
    gguf_free(gguf);
    ggml_free(ctx);
}

static void test_files() {
    printf("files: tensors of every kind of type are read; bad files are refused\n");
    const int64_t n = 500, d = 256;
    const std::string path = temporary_path(".gguf").string();
    const std::vector<float> x = make_rows(n, d, 40, 1.0f, 10);
    flash_head_unit_rows want;
    set_rows(&want, x, d, GGML_TYPE_F16);

    // the error of reading a tensor of the file, or ""
    const auto read = [&](const char * name, flash_head_unit_rows * rows) -> std::string {
        try {
            const flash_head_tensor_info info = flash_head_tensor_find(path, name);
            flash_head_tensor_read(info, GGML_TYPE_F16, flash_head_pool_new(2).get(), rows);
        } catch (const std::runtime_error & e) {
            return e.what();
        }
        return "";
    };
    for (enum ggml_type type : { GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q8_0, GGML_TYPE_Q6_K,
            GGML_TYPE_Q4_0 }) {
        write_model(path, type, x, d, n);
        flash_head_unit_rows got;
        const std::string error = read("w", &got);
        check(error.empty(), "%s: %s", ggml_type_name(type), error.c_str());
        double cosine = 0.0;
        std::vector<float> a(d), b(d);
        for (int64_t i = 0; error.empty() && i < n; i++) {
            flash_head_unit_rows_get(&want, i, a.data());
            flash_head_unit_rows_get(&got,  i, b.data());
            for (int64_t k = 0; k < d; k++) {
                cosine += a[k]*b[k];
            }
        }
        check(cosine/n > 0.99, "%s: mean cosine with the rows written %f", ggml_type_name(type), cosine/n);
    }

    flash_head_unit_rows none;
    check(read("other", &none).find("other") != std::string::npos, "missing tensor: %s", read("other", &none).c_str());
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 100);
    check(!read("w", &none).empty(), "a truncated file is accepted");
    std::ofstream(path, std::ios::trunc) << "no model";
    check(!read("w", &none).empty(), "a text file is accepted");
    write_model(path, GGML_TYPE_F32, x, d, 0);
    check(!read("w", &none).empty(), "a vector is accepted");
    write_model(path, GGML_TYPE_F32, x, 0, n);
    check(!read("w", &none).empty(), "rows without columns are accepted");

    for (float bad : { NAN, INFINITY }) {
        std::vector<float> y = x;
        y[123*d + 5] = bad;
        y[400*d]     = bad;
        write_model(path, GGML_TYPE_F32, y, d, n);
        flash_head_unit_rows got;
        const std::string error = read("w", &got);
        check(error.find("row 123") != std::string::npos && error.find("tensor w") != std::string::npos,
                "%f: %s", bad, error.c_str());
    }
    std::filesystem::remove(path);
    check(!read("w", &none).empty(), "a missing file is accepted");
}

int main() {
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr);
    test_sizes();
    test_threads();
    test_objective();
    test_planted();
    test_degenerate();
    test_files();
    return check.finish();
}
