#pragma once

#include <cstdint>
#include <functional>
#include <memory>

// A fixed set of worker threads that share out numbered tasks.
//
// The split into tasks does not depend on the number of threads, and tasks write to disjoint memory. So results do not
// depend on the number of threads, only the order of tasks does.
struct flash_head_pool;

struct flash_head_pool_deleter {
    void operator()(flash_head_pool * pool) const; // ends the threads
};
typedef std::unique_ptr<flash_head_pool, flash_head_pool_deleter> flash_head_pool_ptr;

// n_threads >= 1; the calling thread is worker 0 and works too. tick (may be empty) is called on the calling thread
// after each task that it finishes, with the share of the tasks handed out so far, 0..1. Throws std::runtime_error if
// the system does not give so many threads.
flash_head_pool_ptr flash_head_pool_new(int n_threads);

int  flash_head_pool_n_threads(const flash_head_pool * pool);
void flash_head_pool_set_tick (flash_head_pool * pool, std::function<void(double)> tick);

// Runs fn(worker, task) for every task in [0, n_tasks) and waits for the last one. worker is in [0, n_threads). Not to
// be called from inside fn. If fn throws, what is left of the tasks is dropped, and one of the exceptions thrown again.
void flash_head_pool_run(flash_head_pool * pool, int64_t n_tasks,
        const std::function<void(int worker, int64_t task)> & fn);
