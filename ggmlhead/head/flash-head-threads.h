#pragma once

// Threads for loading, which end with the work. Host-independent.

#include <stdint.h>

#include <thread>
#include <vector>

// Runs work(begin, end) over parts of 0 .. n - 1 on n_threads threads, of which the calling one is one.
template <typename F> void flash_head_parallel_for(int64_t n, int n_threads, const F & work) {
    std::vector<std::thread> threads;
    for (int i = 1; i < n_threads; i++) {
        threads.emplace_back(work, n*i/n_threads, n*(i + 1)/n_threads);
    }
    work(0, n/n_threads);
    for (std::thread & t : threads) {
        t.join();
    }
}
