#include "bench-machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

static const size_t STREAM_SIZE = 256 << 20;
static const size_t FLUSH_SIZE  = 160 << 20; // more than the last-level cache of a few cores
static const int    N_RUNS      = 12;

// 32 independent sums, so that reading is the bottleneck and not adding.
static uint64_t sum_of(const uint64_t * data, size_t n) {
    uint64_t sums[32] = {};
    for (size_t i = 0; i + 32 <= n; i += 32) {
        for (int k = 0; k < 32; k++) {
            sums[k] += data[i + k];
        }
    }
    uint64_t sum = 0;
    for (uint64_t s : sums) {
        sum += s;
    }
    return sum;
}

double bench_bandwidth(int n_threads) {
    const std::vector<uint64_t> data(STREAM_SIZE/sizeof(uint64_t), 1);
    const size_t part = data.size()/n_threads/32*32;

    std::atomic<uint64_t> total = {0};
    double best = 0.0;
    for (int run = 0; run < N_RUNS; run++) {
        std::atomic<int> ready = {0};
        std::vector<std::chrono::steady_clock::time_point> begin(n_threads), end(n_threads);
        std::vector<std::thread> threads;
        threads.reserve(n_threads);
        const auto work = [&](int i) {
            ready++;
            while (ready < n_threads) { // all begin at once
                std::this_thread::yield();
            }
            begin[i] = std::chrono::steady_clock::now();
            total += sum_of(data.data() + i*part, part);
            end[i] = std::chrono::steady_clock::now();
        };
        std::string problem;
        try {
            for (int i = 0; i < n_threads; i++) {
                threads.emplace_back(work, i);
            }
        } catch (const std::exception & e) {
            problem = e.what();
            ready   = n_threads; // releases the threads that have started
        }
        for (std::thread & t : threads) {
            t.join();
        }
        if (!problem.empty()) {
            throw std::runtime_error("cannot start " + std::to_string(n_threads) + " threads: " + problem);
        }
        const std::chrono::duration<double> took =
                *std::max_element(end.begin(), end.end()) - *std::min_element(begin.begin(), begin.end());
        best = std::max(best, part*n_threads*sizeof(uint64_t)/took.count());
    }
    return total > 0 ? best : 0.0; // the sum is used, so it is computed
}

bench_flusher::bench_flusher() : buffer(FLUSH_SIZE/sizeof(uint64_t), 1) {}

void bench_flusher::flush() {
    sum = sum_of(buffer.data(), buffer.size());
}
