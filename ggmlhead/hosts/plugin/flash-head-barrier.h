#pragma once

// A barrier for the threads of one product.

#include <atomic>
#include <stdint.h>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

struct flash_head_barrier {
    // each on a cache line of its own
    alignas(64) std::atomic<int>      arrived = {0};
    alignas(64) std::atomic<uint32_t> passed  = {0}; // completed barriers

    // Returns when all of n threads have called it.
    void wait(int n) {
        if (n == 1) {
            return;
        }
        const uint32_t before = passed.load(std::memory_order_relaxed);
        if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == n) {
            arrived.store(0, std::memory_order_relaxed);
            passed.fetch_add(1, std::memory_order_release);
            return;
        }
        // Spin briefly; if a peer was descheduled, yield.
        for (int i = 0; passed.load(std::memory_order_acquire) == before; i++) {
            if (i < 4096) {
                relax();
            } else {
                std::this_thread::yield();
            }
        }
    }

private:
    static void relax() {
#if defined(__x86_64__)
        _mm_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
        __asm__ volatile("yield" ::: "memory");
#endif
    }
};
