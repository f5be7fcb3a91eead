// Tests of lanes.h: barriers, exchange, and that a missing barrier is noticed.

#include "lanes.h"

#include "../check.h"

#include <sys/wait.h>
#include <unistd.h>

#include <vector>

static checker check;

static const lanes_order ORDERS[] = { LANES_FORWARD, LANES_BACKWARD, LANES_SHUFFLED };

// The sum of 0 .. n - 1 by tree reduction in shared memory; correct only with barriers.
static int tree_sum(int n, lanes_order order, bool with_barriers) {
    int sum = -1;
    lanes_run({ {}, { (unsigned) n }, 32, n*sizeof(int), order }, [&] {
        int     * values = (int *) lanes_shared();
        const int i      = lanes_here().rank;
        values[i] = i;
        for (int half = n/2; half > 0; half /= 2) {
            if (with_barriers) { lanes_block_barrier(); }
            if (i < half) { values[i] += values[i + half]; }
        }
        if (i == 0) { sum = values[0]; }
    });
    return sum;
}

static void test_barrier() {
    for (lanes_order order : ORDERS) {
        check(tree_sum(256, order, true) == 255*128, "order %d: a sum with barriers is wrong", order);
    }
    int n_wrong = 0;
    for (lanes_order order : ORDERS) {
        n_wrong += tree_sum(256, order, false) != 255*128;
    }
    check(n_wrong > 0, "a sum without barriers is right in all orders");
}

static void test_positions() {
    std::vector<int> visits(2*3*2*70);
    lanes_run({ { 2, 3, 2 }, { 7, 5, 2 } }, [&] {
        const lanes_position & p = lanes_here();
        const int block  = (p.block.z*3 + p.block.y)*2 + p.block.x;
        const int thread = (p.thread.z*5 + p.thread.y)*7 + p.thread.x;
        check(thread == p.rank && p.lane == p.rank % 32, "thread %d has rank %d and lane %d", thread, p.rank, p.lane);
        visits[block*70 + thread]++;
    });
    for (int v : visits) {
        check(v == 1, "a thread ran %d times", v);
    }
}

static void test_exchange() {
    for (int warp_size : { 32, 64 }) {
        for (lanes_order order : ORDERS) {
            lanes_run({ { 2 }, { 192 }, warp_size, 0, order }, [&] {
                const lanes_position & p = lanes_here();
                const int first = p.rank - p.lane;
                for (int step = warp_size/2; step > 0; step /= 2) { // one exchange right after the other
                    const int other = lanes_from(p.rank, p.lane ^ step);
                    check(other == first + (p.lane ^ step), "lane %d got %d from lane %d", p.lane, other,
                            p.lane ^ step);
                }
                const uint64_t odd = lanes_ballot(p.lane & 1);
                check(odd == (warp_size == 64 ? 0xaaaaaaaaaaaaaaaaull : 0xaaaaaaaaull), "the ballot is %llx",
                        (unsigned long long) odd);
            });
        }
    }
}

// Whether body aborts; runs it in a child process.
static bool ends(const std::function<void()> & body) {
    const pid_t pid = fork();
    if (pid == 0) {
        fclose(stderr);
        lanes_run({ {}, { 64 } }, body);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status);
}

static void test_stuck() {
    check(!ends([] { lanes_block_barrier(); }),
            "a barrier for all ends the program");
    check(ends([] { if (lanes_here().rank > 0) { lanes_block_barrier(); } }),
            "a barrier without a thread that returned is not stuck");
    check(ends([] { if (lanes_here().lane != 5) { lanes_warp_barrier(); } }),
            "an exchange without a lane that returned is not stuck");
    check(ends([] { lanes_here().rank < 32 ? lanes_block_barrier() : lanes_warp_barrier(); lanes_warp_barrier(); }),
            "barriers in different places are not stuck");
}

int main() {
    test_barrier();
    test_positions();
    test_exchange();
    test_stuck();
    return check.finish();
}
