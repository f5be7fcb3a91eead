#include "flash-head-statistics.h"

#include <chrono>
#include <exception>
#include <stdio.h>

static const auto PAUSE = std::chrono::milliseconds(500);

flash_head_statistics::flash_head_statistics(const char * weight, int64_t n_vocab, logger log)
    : weight(weight), n_vocab(n_vocab), log(log) {
    try {
        watch = std::thread([this] { watch_for_pauses(); });
    } catch (const std::exception &) { // no thread: the lines at 1, 2, 4, ... steps and at the end remain
    }
}

flash_head_statistics::~flash_head_statistics() {
    {
        std::lock_guard<std::mutex> lock(mutex);
        ended = true;
    }
    ending.notify_one();
    if (watch.joinable()) {
        watch.join();
    }
    if (said != all.steps) {
        say();
    }
}

void flash_head_statistics::add(int64_t n_rows, bool is_dense) {
    if (n_rows == 0) {
        return;
    }
    std::lock_guard<std::mutex> lock(mutex);
    all.add(n_rows);
    if (is_dense) {
        dense.add(n_rows);
    }
    if ((all.steps & (all.steps - 1)) == 0) {
        say();
    }
}

// microseconds of a row for each stage, summed over threads
static std::string times_of(const flash_head_totals & totals, int64_t n_rows) {
    static const char * const names[FLASH_HEAD_N_STAGES] =
            { "centroids", "estimates", "selection", "background", "rows", "waiting" };
    std::string text = ", us of all threads";
    for (int i = 0; i < FLASH_HEAD_N_STAGES; i++) {
        char part[48];
        snprintf(part, sizeof(part), "%s %s %.1f", i == 0 ? ":" : ",", names[i], totals.ns[i]/1e3/n_rows);
        text += part;
    }
    return text;
}

// with the mutex held, or nobody else left
void flash_head_statistics::say() {
    const int64_t sparse_rows = all.rows - dense.rows;
    std::string sparse;
    if (totals.n_scored > 0 && sparse_rows > 0) { // not every kernel counts
        char scored[80], near[40] = "";
        snprintf(scored, sizeof(scored), "; in each other row %.1f of %lld tokens scored exactly",
                (double) totals.n_scored/sparse_rows, (long long) n_vocab);
        if (totals.n_near > 0) {
            snprintf(near, sizeof(near), ", %.1f estimated finely", (double) totals.n_near/sparse_rows);
        }
        sparse = scored + (near + times_of(totals, sparse_rows));
    }
    char text[512];
    snprintf(text, sizeof(text), "steps %lld, of them dense %lld (%.1f %%); rows %lld, of them dense %lld (%.1f %%)%s",
            (long long) all.steps, (long long) dense.steps, 100.0*dense.steps/all.steps,
            (long long) all.rows,  (long long) dense.rows,  100.0*dense.rows/all.rows, sparse.c_str());
    said = all.steps;
    log("statistics of " + weight + ": " + text);
}

void flash_head_statistics::watch_for_pauses() {
    std::unique_lock<std::mutex> lock(mutex);
    int64_t before = 0;
    while (!ending.wait_for(lock, PAUSE, [this] { return ended; })) {
        if (all.steps == before && all.steps != said) {
            say();
        }
        before = all.steps;
    }
}
