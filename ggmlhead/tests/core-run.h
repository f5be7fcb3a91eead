#pragma once

// Runs the core alone, with std::thread and F32 dot products. It does not need ggml, so its tests are also built with
// sanitizers (sanitizer_test.go): a race or an access out of bounds in the kernel shows there first.

#include "flash-head.h"

#include <condition_variable>
#include <math.h>
#include <mutex>
#include <string.h>
#include <thread>
#include <vector>

// A reusable barrier for n threads.
struct barrier {
    std::mutex mutex;
    std::condition_variable all;
    int n, waiting = 0, round = 0;

    explicit barrier(int n) : n(n) {}

    static void wait(void * self) {
        barrier * b = (barrier *) self;
        std::unique_lock<std::mutex> lock(b->mutex);
        const int round = b->round;
        if (++b->waiting == b->n) {
            b->waiting = 0;
            b->round++;
            b->all.notify_all();
        } else {
            b->all.wait(lock, [&] { return b->round != round; });
        }
    }
};

inline void dot(int n, float * s, size_t, const void * x, size_t, const void * y, size_t, int) {
    float sum = 0.0f;
    for (int i = 0; i < n; i++) { sum += ((const float *) x)[i]*((const float *) y)[i]; }
    *s = sum;
}

inline void copy(const float * x, void * y, int64_t n) {
    memcpy(y, x, n*sizeof(float));
}

// Returns the logits [n][V] of x [n][D], computed by nth threads. n_scored gets the sum of their counts.
inline std::vector<float> compute(const flash_head & head, const flash_head_params & params,
        const std::vector<float> & x, int nth, int64_t * n_scored = nullptr) {
    const int64_t D = head.n_embd, V = head.n_vocab, N = (int64_t) x.size()/D;
    std::vector<float>   logits(N*V, NAN);
    std::vector<char>    work(flash_head_work_size(&head, N, nth));
    std::vector<flash_head_counts> counts(nth);
    barrier all(nth);
    auto run = [&](int ith) {
        flash_head_compute(&head, &params, x.data(), D*sizeof(float), logits.data(), V*sizeof(float), N, work.data(),
                { ith, nth, barrier::wait, &all, &counts[ith] });
    };
    std::vector<std::thread> threads;
    for (int ith = 1; ith < nth; ith++) { threads.emplace_back(run, ith); }
    run(0);
    for (std::thread & t : threads) { t.join(); }
    if (n_scored) {
        *n_scored = 0;
        for (const flash_head_counts & c : counts) { *n_scored += c.n_scored; }
    }
    return logits;
}
