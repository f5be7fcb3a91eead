#pragma once

// Threads for loading, which end with the work. Host-independent.

#include <stdint.h>

#include <exception>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

// Runs work(begin, end) over parts of 0 .. n - 1 on n_threads threads, the calling one included. Where the system
// refuses a thread, the caller does its part. Rethrows the exception of a part after all have ended.
template <typename F> void flash_head_parallel_for(int64_t n, int n_threads, const F & work) {
    std::mutex         mutex;
    std::exception_ptr thrown;
    const auto part = [&](int i) {
        try {
            work(n*i/n_threads, n*(i + 1)/n_threads);
        } catch (...) {
            std::lock_guard<std::mutex> lock(mutex);
            thrown = std::current_exception();
        }
    };
    std::vector<std::thread> threads;
    threads.reserve(n_threads);
    int started = 1;
    try {
        for (; started < n_threads; started++) {
            threads.emplace_back(part, started);
        }
    } catch (const std::exception &) { // no more threads, or no memory for one
    }
    part(0);
    for (int i = started; i < n_threads; i++) {
        part(i);
    }
    for (std::thread & t : threads) {
        t.join();
    }
    if (thrown) {
        std::rethrow_exception(thrown);
    }
}

// Runs work() on a thread of its own. Where the system refuses one, who waits for the result runs it.
template <typename F> auto flash_head_begin(const F & work) -> std::future<decltype(work())> {
    try {
        return std::async(std::launch::async, work);
    } catch (const std::system_error &) {
        return std::async(std::launch::deferred, work);
    }
}
