#pragma once

// Times the kernels for codes, each against the others. A head like Gemma 3's (262144 x 640), on one thread, by its
// processor's time: the medians of rounds in turn, and of their ratios to the first kernels.

#include "codes-fixture.h"

#include "flash-head-codes.h"
#include "flash-head-make.h"

#include <functional>
#include <string>
#include <time.h>

struct codes_time {
    static constexpr int64_t V = 262144, D = 640, K = V/64;
    static constexpr int ROUNDS = 21;

    // As hosts allocate tensors.
    struct aligned_copy {
        void * data;

        explicit aligned_copy(const std::vector<uint8_t> & bytes)
            : data(aligned_alloc(64, (bytes.size() + 63)/64*64)) {
            memcpy(data, bytes.data(), bytes.size());
        }
        ~aligned_copy() { free(data); }
        aligned_copy(const aligned_copy &) = delete;
    };

    struct contestant {
        std::string           name;
        std::function<void()> run;
    };

    // what the caches hold between runs
    std::vector<uint64_t> others = std::vector<uint64_t>(1 << 24, 1);
    volatile uint64_t     sum    = 0;

    void flush() {
        uint64_t s = 0;
        for (uint64_t & value : others) { s += value++; }
        sum = s;
    }

    static double seconds(const std::function<void()> & run) {
        timespec begin, end;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
        run();
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        return (double) (end.tv_sec - begin.tv_sec) + 1e-9*(double) (end.tv_nsec - begin.tv_nsec);
    }

    // cold: from memory, not from the caches. per: what one run does so many times
    void race(const char * what, const std::vector<contestant> & all, bool cold, double per = 1.0) {
        std::vector<std::vector<double>> times(all.size()), ratios(all.size());
        for (int round = 0; round < ROUNDS; round++) {
            for (size_t i = 0; i < all.size(); i++) {
                if (cold) { flush(); }
                times [i].push_back(seconds(all[i].run));
                ratios[i].push_back(times[i].back()/times[0].back());
            }
        }
        for (size_t i = 0; i < all.size(); i++) {
            std::sort(times [i].begin(), times [i].end());
            std::sort(ratios[i].begin(), ratios[i].end());
            printf("| %s | %s | %.4g | %.2f (%.2f to %.2f) |\n", what, all[i].name.c_str(),
                    times[i][ROUNDS/2]*1e6/per, ratios[i][ROUNDS/2], ratios[i][ROUNDS/4], ratios[i][ROUNDS*3/4]);
            fflush(stdout);
        }
    }

    // Reading estimates: all coarse codes, fine ones of a tenth, and lists of tokens.
    void time_estimates() {
        codes_fixture c({ D, std::vector<int>(80, 2), { 0, 3, 1 } }, V, 1);
        const aligned_copy coarse(c.coarse), fine(c.fine);
        c.codes.coarse = coarse.data;
        c.codes.fine   = fine.data;
        const std::vector<float> x = random_values(D, 2), scores = random_values(K, 3);
        const prepared           p(c, x.data());
        std::vector<int32_t> cluster(V), near, list(V + 1);
        std::mt19937 rng(4);
        for (int64_t v = 0; v < V; v++) {
            cluster[v] = (int32_t) (rng() % K);
            if (rng() % 10 == 0) { near.push_back((int32_t) v); }
        }
        std::vector<float> out(V);
        int n_kernels;
        const flash_head_code_kernels * kernels = flash_head_code_kernels_all(&n_kernels);
        auto each = [&](const std::function<void(const flash_head_code_kernels &)> & run) {
            std::vector<contestant> all;
            for (int k = n_kernels - 1; k-- > 0; ) { // the portable ones are not for timing
                const flash_head_code_kernels * here = kernels + k;
                all.push_back({ here->name, [run, here]() { flash_head_code_kernels_use(here); run(*here); } });
            }
            return all;
        };
        race("coarse estimates of all tokens", each([&](const flash_head_code_kernels &) {
            flash_head_coarse_estimate(&c.codes, &p.query, cluster.data(), scores.data(), 0, V, out.data());
        }), true);
        const std::vector<float> estimates = out;
        race("fine estimates of a tenth", each([&](const flash_head_code_kernels &) {
            flash_head_fine_estimate(&c.codes, &p.query, p.slots.data(), V, near.data(), (int64_t) near.size(),
                    out.data());
        }), true);
        std::vector<float> sorted = estimates;
        std::sort(sorted.begin(), sorted.end());
        for (int share : { 10, 100 }) {
            const float least = sorted[V - V/share];
            race(("list of one in " + std::to_string(share)).c_str(), each([&](const flash_head_code_kernels & here) {
                sum = here.reach(estimates.data(), 0, V, least, list.data());
            }), true);
        }
    }

    // Making codes, step by step, of tokens that are in the cache. Microseconds a token.
    void time_make() {
        const int N = 128, n_directions = 96, n_lines = 40;
        const int64_t stride = D + 16;
        std::mt19937 rng(5);
        auto bytes = [&](size_t n) {
            std::vector<uint8_t> out(n);
            for (uint8_t & byte : out) { byte = (uint8_t) rng(); }
            return out;
        };
        std::vector<uint8_t> weight = bytes(N*34*(D/32)), centroid = bytes(18*(D/32)), rounded(N*D), codes(N*n_lines);
        for (size_t b = 0; b < weight.size(); b += 34)   { weight[b + 1]   = 0x24; } // F16 scales near 1/64
        for (size_t b = 0; b < centroid.size(); b += 18) { centroid[b + 1] = 0x28; }
        for (uint8_t & code : codes) { code = (uint8_t) (rng() % 16*16); }
        std::vector<int8_t> directions(n_directions*D);
        for (int8_t & d : directions) { d = (int8_t) ((int) (rng() % 129) - 64); }
        std::vector<int32_t> sums(n_directions), products(N*n_directions), numbers(D);
        std::vector<int16_t> tables(D*n_lines*16), of_code(N*stride);
        for (int16_t & entry : tables) { entry = (int16_t) ((int) (rng() % 1001) - 500); }
        std::vector<float> rows(N*stride), ones(D, 1.0f), units(n_directions, 1e-3f), values(D), decoded(D);
        std::vector<float> two(D, 2.0f), steps(D, 0.5f), row(D), squares(2*D);
        const flash_head_rounder coarse(two.data(), steps.data(), n_directions);
        const flash_head_rounder fine(two.data(), steps.data(), (int32_t) D);
        const flash_head_rounding of_coarse = coarse.get(), of_fine = fine.get();

        int n_kernels;
        const flash_head_make_kernels * kernels = flash_head_make_kernels_all(&n_kernels);
        auto each = [&](const char * what, const std::function<void(const flash_head_make_kernels &)> & run) {
            std::vector<contestant> all;
            for (int k = n_kernels - 1; k-- > 0; ) {
                const flash_head_make_kernels * here = kernels + k;
                all.push_back({ here->name, [run, here]() { for (int i = 0; i < 8; i++) { run(*here); } } });
            }
            race(what, all, false, 8*N);
        };
        each("read", [&](const flash_head_make_kernels & k) {
            for (int t = 0; t < N; t++) { k.read(&weight[t*34*(D/32)], centroid.data(), D/32, &rows[t*stride]); }
        });
        each("round rows", [&](const flash_head_make_kernels & k) {
            for (int t = 0; t < N; t++) { k.round_row(&rows[t*stride], ones.data(), D, &rounded[t*D]); }
        });
        each("project", [&](const flash_head_make_kernels & k) {
            k.project(rounded.data(), N/4, D, directions.data(), sums.data(), n_directions, products.data());
        });
        each("round", [&](const flash_head_make_kernels & k) {
            for (int t = 0; t < N; t++) {
                k.round(&of_coarse, &products[t*n_directions], units.data(), 1.0f, values.data(), numbers.data(),
                        decoded.data());
            }
        });
        each("decode", [&](const flash_head_make_kernels & k) {
            k.decode(codes.data(), N, n_lines, tables.data(), D, of_code.data(), stride);
        });
        each("finish", [&](const flash_head_make_kernels & k) {
            for (int t = 0; t < N; t++) {
                std::copy_n(&rows[t*stride], D, row.data());
                k.finish(row.data(), &of_code[t*stride], ones.data(), 1e-3f, &of_fine, numbers.data(), decoded.data(),
                        squares.data());
            }
        });
    }

    void time_all() {
        printf("| step | kernels | us | times the first |\n|---|---|---|---|\n");
        time_estimates();
        time_make();
    }
};
