#pragma once

// Counts of all threads of a head over its lifetime. C++, because several threads add to them.

#include "flash-head.h"

#include <atomic>

struct flash_head_totals {
    std::atomic<int64_t> n_near   = {0};                  // tokens whose fine code was read
    std::atomic<int64_t> n_scored = {0};                  // tokens scored exactly
    std::atomic<int64_t> ns[FLASH_HEAD_N_STAGES] = {};    // nanoseconds, of all threads together

    void add(const flash_head_counts & counts) {
        n_near   += counts.n_near;
        n_scored += counts.n_scored;
        for (int i = 0; i < FLASH_HEAD_N_STAGES; i++) {
            ns[i] += counts.ns[i];
        }
    }
};
