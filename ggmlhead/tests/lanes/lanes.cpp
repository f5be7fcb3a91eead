#undef _FORTIFY_SOURCE // it forbids longjmp to another stack

#include "lanes.h"

#include <setjmp.h>

#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <memory>
#include <random>
#include <vector>

static const size_t STACK_SIZE    = 256*1024;
static const int    MAX_WARP_SIZE = 64;

enum state { READY, AT_BLOCK_BARRIER, IN_WARP, DONE };

static const char * name_of(state s) {
    static const char * const names[] = { "can go on", "wait for their block", "wait for their warp", "have returned" };
    return names[s];
}

// The values that a warp exchanges. There are two buffers, because a lane may give its next value while another still
// reads the last ones.
struct warp {
    int     waiting = 0;
    int     turn    = 0;
    uint8_t values[2][MAX_WARP_SIZE][16];
};

struct fiber {
    ucontext_t     start;   // used once; then fibers jump, because swapcontext makes a system call each time
    jmp_buf        context;
    bool           started;
    state          now = DONE;
    lanes_position position;
    std::unique_ptr<char[]> stack;
};

static jmp_buf               scheduler;
static std::vector<fiber>    fibers; // of the block
static std::vector<std::unique_ptr<char[]>> spare_stacks;
static std::vector<warp>     warps;
static std::vector<uint64_t> shared; // dynamic shared memory, with room to align it
static fiber               * running;
static int                   n_waiting; // at the block's barrier
static int                   warp_size;
static const std::function<void()> * kernel;

static void wait(state s) {
    running->now = s;
    if (_setjmp(running->context) == 0) {
        _longjmp(scheduler, 1);
    }
}

static void run_kernel() {
    (*kernel)();
    running->now = DONE;
    _longjmp(scheduler, 1);
}

static void resume(fiber & f) {
    running = &f;
    if (_setjmp(scheduler) == 0) {
        if (f.started) {
            _longjmp(f.context, 1);
        }
        f.started = true;
        setcontext(&f.start);
    }
}

static void release(state s, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
        if (fibers[i].now == s) {
            fibers[i].now = READY;
        }
    }
}

void lanes_block_barrier() {
    if (++n_waiting == (int) fibers.size()) {
        n_waiting = 0;
        release(AT_BLOCK_BARRIER, 0, fibers.size());
    } else {
        wait(AT_BLOCK_BARRIER);
    }
}

const uint8_t (* lanes_exchange(const void * value, size_t size))[16] {
    const size_t first = running->position.rank/warp_size*warp_size;
    const size_t end   = first + warp_size < fibers.size() ? first + warp_size : fibers.size();
    warp & w = warps[first/warp_size];
    const int turn = w.turn;
    memcpy(w.values[turn][running->position.lane], value, size);
    if (++w.waiting == (int) (end - first)) {
        w.waiting = 0;
        w.turn    = 1 - w.turn;
        release(IN_WARP, first, end);
    } else {
        wait(IN_WARP);
    }
    return w.values[turn];
}

void lanes_warp_barrier() {
    const char nothing = 0;
    lanes_exchange(&nothing, sizeof(nothing));
}

const lanes_position & lanes_here() {
    return running->position;
}

void * lanes_shared() {
    return (void *) (((uintptr_t) shared.data() + 127) & ~(uintptr_t) 127);
}

static void stuck(const lanes_grid & grid) {
    int n[DONE + 1] = {};
    for (const fiber & f : fibers) {
        n[f.now]++;
    }
    const lanes_dim & b = fibers[0].position.block;
    fprintf(stderr, "lanes: block (%u, %u, %u) of (%u, %u, %u) is stuck:", b.x, b.y, b.z, grid.blocks.x, grid.blocks.y,
            grid.blocks.z);
    for (int s = READY; s <= DONE; s++) {
        if (n[s] > 0) {
            fprintf(stderr, " %d threads %s;", n[s], name_of((state) s));
        }
    }
    fprintf(stderr, "\n");
    abort();
}

// The ready thread to resume, or -1.
static int next_ready(lanes_order order, int last, std::mt19937 & rng) {
    const int n = (int) fibers.size();
    if (order == LANES_SHUFFLED) {
        last = (int) (rng() % n); // the next ready one from a random start
    }
    const int step = order == LANES_BACKWARD ? n - 1 : 1;
    for (int i = 0, at = last; i < n; i++) {
        at = (at + step) % n;
        if (fibers[at].now == READY) {
            return at;
        }
    }
    return -1;
}

static void start_fiber(fiber & f) {
    getcontext(&f.start);
    f.start.uc_stack.ss_sp   = f.stack.get();
    f.start.uc_stack.ss_size = STACK_SIZE;
    f.start.uc_link          = nullptr;
    makecontext(&f.start, run_kernel, 0);
    f.started = false;
    f.now     = READY;
}

static void start_block(const lanes_grid & grid, lanes_dim block) {
    memset(shared.data(), 0xff, shared.size()*sizeof(shared[0]));
    n_waiting = 0;
    for (warp & w : warps) {
        w = {};
    }
    const lanes_dim & t = grid.threads;
    for (unsigned i = 0; i < fibers.size(); i++) {
        fibers[i].position = { grid.blocks, t, block, { i % t.x, i/t.x % t.y, i/t.x/t.y }, (int) i, (int) i % warp_size,
                warp_size };
        start_fiber(fibers[i]);
    }
}

void lanes_run(const lanes_grid & grid, const std::function<void()> & body) {
    const size_t n = (size_t) grid.threads.x*grid.threads.y*grid.threads.z;
    if (n == 0 || n > 1024 || grid.warp_size > MAX_WARP_SIZE || grid.blocks.y > 65535 || grid.blocks.z > 65535) {
        fprintf(stderr, "lanes: no GPU runs %zu threads a block in (%u, %u, %u) blocks\n", n, grid.blocks.x,
                grid.blocks.y, grid.blocks.z);
        abort();
    }
    kernel    = &body;
    warp_size = grid.warp_size;
    while (fibers.size() > n) {
        spare_stacks.push_back(std::move(fibers.back().stack)); // the next grid may be larger again
        fibers.pop_back();
    }
    while (fibers.size() < n) {
        fibers.emplace_back();
        if (spare_stacks.empty()) {
            spare_stacks.emplace_back(new char[STACK_SIZE]);
        }
        fibers.back().stack = std::move(spare_stacks.back());
        spare_stacks.pop_back();
    }
    warps.assign((n + warp_size - 1)/warp_size, {});
    shared.assign((grid.shared_size + 128)/sizeof(shared[0]) + 1, 0);

    std::mt19937 rng(1);
    lanes_dim block;
    for (block.z = 0; block.z < grid.blocks.z; block.z++) {
        for (block.y = 0; block.y < grid.blocks.y; block.y++) {
            for (block.x = 0; block.x < grid.blocks.x; block.x++) {
                start_block(grid, block);
                int n_done = 0, at = grid.order == LANES_BACKWARD ? 0 : (int) n - 1;
                while (n_done < (int) n) {
                    at = next_ready(grid.order, at, rng);
                    if (at < 0) {
                        stuck(grid);
                    }
                    resume(fibers[at]);
                    n_done += fibers[at].now == DONE;
                }
            }
        }
    }
}
