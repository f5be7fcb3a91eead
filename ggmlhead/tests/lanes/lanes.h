#pragma once

// Runs a GPU's grid on one CPU thread, for tests of kernels without a GPU. Blocks run one after the other. The threads
// of a block are fibers that wait at barriers and exchange values within a warp (Metal: simdgroup).
//
// A thread runs until it waits. The order chooses which ready thread is next. A kernel that lacks a barrier is right in
// one order and wrong in another, so tests run in several. A barrier that not all threads reach is undefined on a GPU;
// here it ends the program with a message.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <functional>

struct lanes_dim {
    unsigned x = 1, y = 1, z = 1;
};

enum lanes_order {
    LANES_FORWARD,  // by ascending rank
    LANES_BACKWARD, // by descending rank
    LANES_SHUFFLED, // random, with a fixed seed
};

struct lanes_grid {
    lanes_dim   blocks, threads; // of the grid, of a block
    int         warp_size   = 32;
    size_t      shared_size = 0; // bytes of dynamic shared memory
    lanes_order order       = LANES_FORWARD;
};

// Runs body in every thread of the grid. Each block finds its dynamic shared memory filled with 0xff bytes, which are
// NaN.
void lanes_run(const lanes_grid & grid, const std::function<void()> & body);

// Position of the running thread. The functions below are also for the running thread.
struct lanes_position {
    lanes_dim grid_size, block_size, block, thread;
    int       rank; // among the threads of the block, x fastest
    int       lane; // rank % warp_size
    int       warp_size;
};
const lanes_position & lanes_here();

void * lanes_shared(); // the block's dynamic shared memory, aligned to 128 bytes

// Barriers of the block and of the warp.
void lanes_block_barrier();
void lanes_warp_barrier();

// Exchanges a value of at most 16 bytes among the lanes of the warp. Returns values[lane] of all lanes, 16 bytes each,
// valid until this thread's next exchange.
const uint8_t (* lanes_exchange(const void * value, size_t size))[16];

// The value of lane `from` of the warp.
template <typename T> T lanes_from(T value, int from) {
    static_assert(sizeof(T) <= 16, "too large to exchange");
    T out;
    memcpy(&out, lanes_exchange(&value, sizeof(value))[from], sizeof(out));
    return out;
}

// Bit i is set if lane i of the warp says yes.
inline uint64_t lanes_ballot(bool yes) {
    const uint8_t (* values)[16] = lanes_exchange(&yes, sizeof(yes));
    uint64_t bits = 0;
    for (int i = 0; i < lanes_here().warp_size; i++) {
        bits |= (uint64_t) values[i][0] << i;
    }
    return bits;
}
