// Tests of the dense product for several rows, against vec_dot: ggml's of every type, or, where the test is built
// without ggml, plain ones of the types that have kernels.

#include "check.h"
#include "core-run.h"

#include <algorithm>
#include <string.h>
#include <time.h>

#if defined(FLASH_HEAD_TEST_GGML)
#include "dense-ggml.h"
#else
#include "dense-plain.h"
#endif

static checker check;

static const int64_t N_VOCAB = 549; // neither a whole number of tiles, lines nor chunks

static std::vector<float> random_rows(int n, int64_t n_embd) {
    std::mt19937 rng(7);
    std::normal_distribution<float> normal;
    std::vector<float> x(n*n_embd);
    for (int64_t i = 0; i < (int64_t) x.size(); i++) { // some rows have the greatest sums
        x[i] = i/n_embd % 4 == 1 ? 1.0f : normal(rng);
    }
    return x;
}

static std::vector<float> run(const flash_head_dense & dense, const std::vector<float> & x, int nth) {
    const int64_t n = (int64_t) x.size()/dense.n_embd, V = dense.n_vocab, stride = V + 3;
    std::vector<float> logits(n*stride, 1234.0f);
    std::vector<char>  work(flash_head_dense_work_size(&dense, (int) n, nth), 0x55);
    barrier all(nth);
    auto part = [&](int ith) {
        flash_head_dense_run(&dense, x.data(), dense.n_embd*sizeof(float), (int) n, logits.data(),
                stride*sizeof(float), work.data(), { ith, nth, barrier::wait, &all, nullptr });
    };
    std::vector<std::thread> threads;
    for (int ith = 1; ith < nth; ith++) { threads.emplace_back(part, ith); }
    part(0);
    for (std::thread & t : threads) { t.join(); }
    for (int64_t r = 0; r < n; r++) {
        for (int64_t i = V; i < stride; i++) {
            check(logits[r*stride + i] == 1234.0f, "written beyond row %d", (int) r);
        }
        memmove(&logits[r*V], &logits[r*stride], V*sizeof(float));
    }
    logits.resize(n*V);
    return logits;
}

// [n][V] by vec_dot
static std::vector<float> expected(const flash_head_dense & dense, const std::vector<float> & x) {
    const int64_t D = dense.n_embd, V = dense.n_vocab;
    std::vector<float> out;
    std::vector<char>  act(dense.dot.act_size);
    for (size_t r = 0; r < x.size()/D; r++) {
        dense.dot.from_float(&x[r*D], act.data(), D);
        for (int64_t v = 0; v < V; v++) {
            float s;
            dense.dot.vec_dot((int) D, &s, 0, (const char *) dense.weight + v*dense.dot.row_size, 0, act.data(), 0, 1);
            out.push_back(s);
        }
    }
    return out;
}

// `want` is what vec_dot makes of `rows`
static void test_rows(const char * kernels, const dense_case & c, const flash_head_dense & dense,
        const std::vector<float> & rows, const std::vector<float> & want) {
    // float sums of products that cancel are compared with the greatest logit of the row
    for (int64_t n : { 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 24, 31, 32 }) {
        if (n*c.n_embd > (int64_t) rows.size()) { break; }
        const std::vector<float> x(rows.begin(), rows.begin() + n*c.n_embd);
        const std::vector<float> got = run(dense, x, 1);
        check(!flash_head_dense_is_exact(&dense, (int) n) || memcmp(got.data(), want.data(), got.size()*sizeof(float)) == 0,
                "%s, %s, %d columns, %d rows: not vec_dot's", kernels, c.name, (int) c.n_embd, (int) n);
        double worst = 0;
        for (int r = 0; r < n; r++) {
            double most = 1e-30;
            for (int64_t v = 0; v < N_VOCAB; v++) { most = fmax(most, fabs(want[r*N_VOCAB + v])); }
            for (int64_t v = 0; v < N_VOCAB; v++) {
                const double error = fabs(got[r*N_VOCAB + v] - want[r*N_VOCAB + v])/most;
                worst = error <= worst ? worst : error; // also if it is not a number
            }
        }
        check(worst <= 1e-5, "%s, %s, %d columns, %d rows: off by %g", kernels, c.name, (int) c.n_embd, (int) n, worst);
        for (int nth : { 2, 5 }) {
            check(memcmp(run(dense, x, nth).data(), got.data(), got.size()*sizeof(float)) == 0,
                    "%s, %s, %d rows: other bytes on %d threads", kernels, c.name, (int) n, nth);
        }
    }
}

// a row without meaning changes no other
static void test_not_finite(const char * kernels, const dense_case & c, const flash_head_dense & dense) {
    const int64_t D = c.n_embd;
    std::vector<float> x = random_rows(9, D);
    const std::vector<float> before = run(dense, x, 1);
    x[3*D + 1] = NAN;
    x[5*D]     = INFINITY;
    const std::vector<float> after = run(dense, x, 2);
    for (int r = 0; r < 9; r++) {
        check(r == 3 || r == 5 || memcmp(&before[r*N_VOCAB], &after[r*N_VOCAB], N_VOCAB*sizeof(float)) == 0,
                "%s, %s: row %d is changed by others", kernels, c.name, r);
    }
}

static void test_exact(const dense_case & c, const flash_head_dense & dense) {
    const std::vector<float> x = random_rows(1, c.n_embd), want = expected(dense, x);
    const std::vector<int32_t> tokens = { 0, 3, 500, (int32_t) N_VOCAB - 1 };
    std::vector<float> logits(N_VOCAB, 5.0f);
    std::vector<char>  work(dense.dot.act_size);
    flash_head_dense_exact(&dense, x.data(), tokens.data(), (int64_t) tokens.size(), logits.data(), work.data());
    for (int64_t v = 0; v < N_VOCAB; v++) {
        const bool listed = v == 0 || v == 3 || v == 500 || v == N_VOCAB - 1;
        check(logits[v] == (listed ? want[v] : 5.0f), "%s: token %d is %g", c.name, (int) v, logits[v]);
    }
}

// Times rows on one thread, by its processor's time, in turn with one row as ggml multiplies it, row by row of the
// weight: medians of ratios and their range, by each of the kernels and by vec_dot.
static void time_rows(const dense_case & c) {
    const int64_t n_few = N_VOCAB, V = 65536;
    std::vector<uint8_t> weight(V*c.dot.row_size);
    for (int64_t v = 0; v < V; v++) {
        memcpy(&weight[v*c.dot.row_size], &c.weight[v % n_few*c.dot.row_size], c.dot.row_size);
    }
    const flash_head_dense dense = { weight.data(), c.n_embd, V, c.type, c.dot };
    const int n_all = FLASH_HEAD_DENSE_MAX_ROWS;
    const std::vector<float> x = random_rows(n_all, c.n_embd);
    std::vector<float> logits(n_all*V);
    barrier alone(1);
    auto seconds = [&](const flash_head_dense_kernels * kernels, int n) {
        flash_head_dense_use(kernels);
        std::vector<char> work(flash_head_dense_work_size(&dense, n, 1));
        const clock_t begin = clock();
        flash_head_dense_run(&dense, x.data(), c.n_embd*sizeof(float), n, logits.data(), V*sizeof(float), work.data(),
                { 0, 1, barrier::wait, &alone, nullptr });
        return (double) (clock() - begin)/CLOCKS_PER_SEC;
    };
    auto seconds_of_ggml = [&]() {
        const clock_t begin = clock();
        std::vector<char> act(c.dot.act_size);
        c.dot.from_float(x.data(), act.data(), c.n_embd);
        for (int64_t v = 0; v < V; v++) {
            c.dot.vec_dot((int) c.n_embd, &logits[v], 0, &weight[v*c.dot.row_size], 0, act.data(), 0, 1);
        }
        return (double) (clock() - begin)/CLOCKS_PER_SEC;
    };
    int n_kernels;
    const flash_head_dense_kernels * kernels = flash_head_dense_kernels_all(&n_kernels);
    for (int i = 0; i <= n_kernels; i++) {
        const flash_head_dense_kernels * timed = i < n_kernels ? kernels + i : nullptr;
        const char * name = timed ? timed->name : "vec_dot";
        if (strncmp(name, "emulated", 8) == 0) { continue; }
        for (int n : { 1, 4, 8, 16, 32 }) {
            if (timed && n < timed->least_rows(c.type)) { continue; }
            std::vector<double> ratios;
            for (int round = 0; round < 7; round++) {
                const double before = seconds_of_ggml(), rows = seconds(timed, n), after = seconds_of_ggml();
                ratios.push_back(2*rows/(before + after));
            }
            std::sort(ratios.begin(), ratios.end());
            printf("| %s | %s | %d | %.1f (%.1f to %.1f) |\n", c.name, name, n, ratios[3], ratios[0], ratios[6]);
            fflush(stdout);
        }
    }
}

int main(int argc, char ** argv) {
    if (argc == 3 && strcmp(argv[1], "--time") == 0) {
        for (const dense_case & c : dense_cases(N_VOCAB)) {
            if (c.n_embd == 768 && strcmp(c.name, argv[2]) == 0) { time_rows(c); }
        }
        return 0;
    }
    int n_kernels;
    const flash_head_dense_kernels * kernels = flash_head_dense_kernels_all(&n_kernels);
    for (const dense_case & c : dense_cases(N_VOCAB)) {
        const flash_head_dense dense = { c.weight.data(), c.n_embd, N_VOCAB, c.type, c.dot };
        test_exact(c, dense);
        const std::vector<float> rows = random_rows(FLASH_HEAD_DENSE_MAX_ROWS, c.n_embd);
        const std::vector<float> want = expected(dense, rows);
        const std::vector<float> few(rows.begin(), rows.begin() + 5*c.n_embd); // more would show nothing of vec_dot
        for (int i = 0; i <= n_kernels; i++) {
            const char * name = i < n_kernels ? kernels[i].name : "vec_dot";
            flash_head_dense_use(i < n_kernels ? kernels + i : nullptr);
            test_rows(name, c, dense, i < n_kernels ? rows : few, want);
            if (i < n_kernels) { test_not_finite(name, c, dense); }
        }
    }
    return check.finish();
}
