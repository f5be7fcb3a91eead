#pragma once

#include <cstdint>
#include <functional>

// A fixed set of worker threads that share out numbered tasks.
//
// The split into tasks never depends on the number of threads and tasks write to disjoint places, so results are
// the same whatever the number of threads; only the order in which tasks run differs.
struct fhc_pool;

// n_threads >= 1; the calling thread is worker 0 and works too. tick (may be empty) is called on the calling thread
// after each task that it finishes, with the share of the tasks handed out so far, 0..1. Throws std::runtime_error if the
// system does not give so many threads.
fhc_pool * fhc_pool_new (int n_threads);
void       fhc_pool_free(fhc_pool * pool);

int  fhc_pool_n_threads(const fhc_pool * pool);
void fhc_pool_set_tick (fhc_pool * pool, std::function<void(double)> tick);

// Runs fn(worker, task) for every task in [0, n_tasks) and waits for the last one. worker is in [0, n_threads).
// Not to be called from inside fn. If fn throws, what is left of the tasks is dropped, and one of the exceptions thrown again.
void fhc_pool_run(fhc_pool * pool, int64_t n_tasks, const std::function<void(int worker, int64_t task)> & fn);
