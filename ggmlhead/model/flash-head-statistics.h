#pragma once

// Statistics of a head for the log (FLASHHEAD_STATS=1). Host-independent.

#include "flash-head-totals.h"

#include <condition_variable>
#include <mutex>
#include <stdint.h>
#include <string>
#include <thread>

// Counts the steps of one head. A step is one evaluation of the head, of one row or more.
//
// The log gets a line when the model is unloaded. Ollama kills its runners, so there is also a line after 1, 2, 4, 8,
// ... steps and one after a pause. Every line covers all steps so far.
struct flash_head_statistics {
    typedef void (*logger)(const std::string & line);

    flash_head_totals totals; // what the kernel did

    flash_head_statistics(const char * weight, int64_t n_vocab, logger log);
    ~flash_head_statistics(); // logs the last line if steps came since the previous one

    // Counts a step of n_rows rows, by FlashHead or dense. Thread-safe. Ignores steps without rows.
    void add(int64_t n_rows, bool dense);

private:
    struct count {
        int64_t steps = 0;
        int64_t rows  = 0;

        void add(int64_t n_rows) { steps++; rows += n_rows; }
    };

    const std::string weight;
    const int64_t     n_vocab;
    const logger      log;

    std::mutex              mutex; // of what follows
    std::condition_variable ending;
    bool                    ended = false;
    count                   all, dense;
    int64_t                 said  = 0; // steps that the log has

    std::thread watch; // for a while without a step; the last member, as it uses the others

    void say();
    void watch_for_pauses();
};
