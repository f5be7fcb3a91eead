#pragma once

// The memory bandwidth of this machine, and a way to flush its caches.

#include <cstddef>
#include <cstdint>
#include <vector>

// The sequential read bandwidth of n_threads threads together, in bytes per second. Best of several runs over 256 MiB.
double bench_bandwidth(int n_threads);

// Evicts everything else from the caches by reading, as the weights of a model's layers do before the head's turn.
class bench_flusher {
    std::vector<uint64_t> buffer;
    volatile uint64_t     sum = 0; // keeps the compiler from dropping the reads

public:
    bench_flusher();
    void flush();
};
