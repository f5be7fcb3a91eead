#pragma once

// What the memory of this machine can do, and how to make it forget.

#include <cstddef>
#include <cstdint>
#include <vector>

// Bytes a second that n_threads threads together read from memory, one after the other in large steps: the best of
// several runs over 256 MiB.
double bench_bandwidth(int n_threads);

// Takes everything else out of the caches, by reading, as the weights of a model's layers do before the head's turn.
class bench_flusher {
    std::vector<uint64_t> buffer;
    volatile uint64_t     sum = 0; // so that it is computed

public:
    bench_flusher();
    void flush();
};
