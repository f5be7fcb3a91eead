#pragma once

// Runs a GPU's grid on one thread of the CPU, for tests of kernels where there is no GPU: its blocks one after the
// other, the threads of a block as fibers that wait for each other at barriers and exchange values within a warp
// (Metal: simdgroup).
//
// A thread runs until it waits. Which of the ready ones goes on is up to an order: a kernel that lacks a barrier is
// right in one order and wrong in another, so tests run in several. Waiting where not all can come, as a thread of the
// block has returned or waits elsewhere, is undefined on a GPU; here it ends the program with a message.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <functional>

struct lanes_dim {
    unsigned x = 1, y = 1, z = 1;
};

enum lanes_order {
    LANES_FORWARD,  // the thread with the lowest number goes on
    LANES_BACKWARD, // the one with the highest
    LANES_SHUFFLED, // one by chance, always the same in the same run
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

// Of the running thread; below, too.
struct lanes_position {
    lanes_dim grid_size, block_size, block, thread;
    int       rank; // among the threads of the block, x fastest
    int       lane; // rank % warp_size
    int       warp_size;
};
const lanes_position & lanes_here();

void * lanes_shared(); // the block's dynamic shared memory, aligned to 128 bytes

// Return when all threads of the block, or of the warp, have called them.
void lanes_block_barrier();
void lanes_warp_barrier();

// Gives value, of at most 16 bytes, to the other lanes of the warp, and returns with what each of them gave:
// values[lane] for all lanes of the warp, 16 bytes each. Valid until this thread's next exchange.
const uint8_t (* lanes_exchange(const void * value, size_t size))[16];

// The value that lane `from` of the warp gives in this call.
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
