#pragma once

// Tests of building a head from rows that are fetched in pieces, and of its threads.

#include "check.h"

#include "flash-head-build.h"
#include "flash-head-stream.h"
#include "flash-head-threads.h"

#include <atomic>
#include <math.h>
#include <new>
#include <string.h>

#if defined(__linux__)
#include <sys/resource.h>
#endif

// A map of n_vocab tokens in n_cluster clusters.
static flash_head_map stream_map(int64_t n_vocab, int64_t n_cluster) {
    flash_head_map map;
    map.n_cluster = n_cluster;
    map.n_probe   = 1;
    for (int64_t v = 0; v < n_vocab; v++) {
        map.cluster.push_back((int32_t) ((v*7919) % n_cluster));
    }
    flash_head_map_sort(map);
    return map;
}

static void test_stream(checker & check, ggml_type weight_type, ggml_type centroid_type, size_t max_sums) {
    const int64_t n_vocab = 9000, n_embd = 512; // more than one piece of every type
    const flash_head_map map = stream_map(n_vocab, 300);
    const size_t row = ggml_row_size(weight_type, n_embd);

    std::vector<float> values(n_vocab*n_embd);
    for (size_t i = 0; i < values.size(); i++) {
        values[i] = sinf((float) i*0.37f) + (float) (i % 101)/101.0f;
    }
    values[700*n_embd + 3] = NAN; // its cluster becomes zeros
    std::vector<uint8_t> weight(n_vocab*row);
    ggml_quantize_init(weight_type);
    ggml_quantize_chunk(weight_type, values.data(), weight.data(), 0, n_vocab, n_embd, nullptr);

    const size_t n_centroids = map.n_cluster*ggml_row_size(centroid_type, n_embd);
    std::vector<uint8_t> centroids(n_centroids), want_centroids(n_centroids);
    flash_head_build_centroids(map, { weight.data(), FLASH_HEAD_BY_TOKEN, weight_type, n_embd }, centroid_type,
            want_centroids.data(), 2);

    size_t largest = 0, fetched = 0;
    const auto fetch = [&](int64_t first, int64_t n, void * out) {
        memcpy(out, weight.data() + first*row, n*row);
        largest  = std::max(largest, n*row);
        fetched += n*row;
    };
    flash_head_stream(map, fetch, weight_type, n_embd, centroid_type, centroids.data(), 3, max_sums);
    const char * types = ggml_type_name(weight_type);
    check(centroids == want_centroids, "centroids of a fetched %s head differ", types);
    check(largest <= FLASH_HEAD_STREAM_FETCH && largest < weight.size(), "%zu bytes of a %s head were fetched at once",
            largest, types);
    const int64_t n_pass = std::max<int64_t>(1, std::min<int64_t>(300, (int64_t) (max_sums/(n_embd*4))));
    check(fetched == weight.size()*((300 + n_pass - 1)/n_pass), "%zu bytes of %zu were fetched", fetched,
            weight.size());
}

// An error in one part is thrown when all parts have ended.
static void test_throwing_part(checker & check) {
    std::atomic<int> parts = {0};
    bool caught = false;
    try {
        flash_head_parallel_for(8, 8, [&](int64_t begin, int64_t) {
            parts++;
            if (begin == 5) {
                throw std::bad_alloc();
            }
        });
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    check(caught && parts == 8, "an error in a thread: %s, %d of 8 parts", caught ? "caught" : "lost", parts.load());
}

// If the system cannot start threads, the work is still done.
static void test_without_threads(checker & check) {
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    rlimit old, none;
    getrlimit(RLIMIT_AS, &old);
    none = old;
    none.rlim_cur = 0; // no memory for new stacks; a few of ended threads may be left
    std::vector<std::atomic<int>> done(64);
    setrlimit(RLIMIT_AS, &none);
    flash_head_parallel_for(64, 64, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            done[i]++;
        }
    });
    setrlimit(RLIMIT_AS, &old);
    int once = 0;
    for (const auto & n : done) {
        once += n == 1;
    }
    check(once == 64, "%d of 64 parts were done once", once);
#else
    (void) check;
#endif
}

static void test_streams(checker & check) {
    test_stream(check, GGML_TYPE_F32,  GGML_TYPE_F32,  FLASH_HEAD_STREAM_SUMS);
    test_stream(check, GGML_TYPE_BF16, GGML_TYPE_Q4_0, FLASH_HEAD_STREAM_SUMS);
    test_stream(check, GGML_TYPE_Q8_0, GGML_TYPE_F16,  100*512*4);
    test_stream(check, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 0);
    test_throwing_part(check);
    test_without_threads(check);
}
