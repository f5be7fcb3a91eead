#include "pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

struct flash_head_pool {
    int                          n_threads = 1;
    std::vector<std::thread>     threads;
    std::function<void(double)>  tick;

    std::mutex                   mutex;
    std::condition_variable      wake;
    std::condition_variable      idle;
    uint64_t                     round  = 0;     // counts the calls of flash_head_pool_run
    int                          n_busy = 0;     // helpers still in this round
    bool                         stop   = false;

    std::exception_ptr           thrown;         // by a task of this round

    std::atomic<int64_t>         next{0};
    int64_t                      n_tasks = 0;
    const std::function<void(int, int64_t)> * fn = nullptr;
};

// Does tasks until none is left. The calling thread ticks.
static void flash_head_pool_work(flash_head_pool * pool, int worker, bool ticks) {
    try {
        for (int64_t task; (task = pool->next.fetch_add(1)) < pool->n_tasks; ) {
            (*pool->fn)(worker, task);
            if (ticks && pool->tick) {
                pool->tick((double) std::min(pool->next.load(), pool->n_tasks) / pool->n_tasks);
            }
        }
    } catch (...) {
        std::lock_guard<std::mutex> lock(pool->mutex);
        pool->thrown = std::current_exception();
        pool->next   = pool->n_tasks;
    }
}

static void flash_head_pool_helper(flash_head_pool * pool, int worker) {
    uint64_t seen = 0;
    std::unique_lock<std::mutex> lock(pool->mutex);
    for (;;) {
        pool->wake.wait(lock, [&] { return pool->stop || pool->round != seen; });
        if (pool->stop) {
            return;
        }
        seen = pool->round;
        lock.unlock();
        flash_head_pool_work(pool, worker, false);
        lock.lock();
        if (--pool->n_busy == 0) {
            pool->idle.notify_one();
        }
    }
}

flash_head_pool_ptr flash_head_pool_new(int n_threads) {
    flash_head_pool_ptr pool(new flash_head_pool);
    pool->n_threads = std::max(1, n_threads);
    try {
        pool->threads.reserve(pool->n_threads);
        for (int i = 1; i < pool->n_threads; i++) {
            pool->threads.emplace_back(flash_head_pool_helper, pool.get(), i);
        }
    } catch (const std::exception & e) { // the threads that there are end with the pool
        throw std::runtime_error("cannot start " + std::to_string(pool->n_threads) + " threads: " + e.what());
    }
    return pool;
}

void flash_head_pool_deleter::operator()(flash_head_pool * pool) const {
    {
        std::lock_guard<std::mutex> lock(pool->mutex);
        pool->stop = true;
    }
    pool->wake.notify_all();
    for (std::thread & t : pool->threads) {
        t.join();
    }
    delete pool;
}

int flash_head_pool_n_threads(const flash_head_pool * pool) {
    return pool->n_threads;
}

void flash_head_pool_set_tick(flash_head_pool * pool, std::function<void(double)> tick) {
    pool->tick = std::move(tick);
}

void flash_head_pool_run(flash_head_pool * pool, int64_t n_tasks, const std::function<void(int, int64_t)> & fn) {
    {
        std::lock_guard<std::mutex> lock(pool->mutex);
        pool->fn      = &fn;
        pool->n_tasks = n_tasks;
        pool->next    = 0;
        pool->n_busy  = pool->n_threads - 1;
        pool->round++;
    }
    pool->wake.notify_all();
    flash_head_pool_work(pool, 0, true);
    std::unique_lock<std::mutex> lock(pool->mutex);
    pool->idle.wait(lock, [&] { return pool->n_busy == 0; });
    if (pool->thrown) {
        std::rethrow_exception(std::exchange(pool->thrown, nullptr));
    }
}
