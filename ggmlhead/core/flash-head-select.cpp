#include "flash-head-select.h"

#include <algorithm>
#include <math.h>

// Bisection of the range of keys: each pass only compares, many keys at a time, which beats a radix select on a CPU.
// Most bisection happens on a sample of the keys. Once few keys are left in the range, they are examined one by one.
static const int64_t FEW    = 256;
static const int64_t SAMPLE = 1024;

// how many of keys [n_keys] are at least `least`
static int64_t count(const int32_t * keys, int64_t n_keys, int32_t least) {
    int32_t n = 0;
    for (int64_t i = 0; i < n_keys; i++) {
        n += keys[i] >= least;
    }
    return n;
}

// A range [low, high) that holds the n-th best key: n_low >= n keys are at least low, n_high < n keys at least high.
struct key_range {
    int64_t low, high;
    int64_t n_low, n_high;

    explicit key_range(int64_t n_keys) : low(INT32_MIN), high((int64_t) INT32_MAX + 1), n_low(n_keys), n_high(0) {}

    // cuts the range at key
    void split(const int32_t * keys, int64_t n_keys, int64_t n, int64_t key) {
        if (key <= low || key >= high) {
            return;
        }
        const int64_t n_key = count(keys, n_keys, (int32_t) key);
        if (n_key >= n) {
            low   = key;
            n_low = n_key;
        } else {
            high   = key;
            n_high = n_key;
        }
    }

    // bisects until one key is left, at most `few` keys are between, or n_low is at most n + slack
    void narrow(const int32_t * keys, int64_t n_keys, int64_t n, int64_t few, int64_t slack) {
        while (high - low > 1 && n_low - n_high > few && n_low > n + slack) {
            split(keys, n_keys, n, low + (high - low)/2);
        }
    }
};

static key_range find_range(const int32_t * keys, int64_t n_keys, int64_t n, int64_t few, int64_t slack) {
    key_range r(n_keys);
    if (n_keys >= 8*SAMPLE) {
        int32_t sample[SAMPLE];
        for (int64_t i = 0; i < SAMPLE; i++) {
            sample[i] = keys[i*n_keys/SAMPLE];
        }
        // first where the n-th best is likely; if it is not there, the other side remains
        const double  expected = (double) n*SAMPLE/n_keys, deviation = sqrt(expected);
        const int64_t better   = (int64_t) (expected - 2*deviation), worse = (int64_t) (expected + 2*deviation) + 2;
        for (int64_t m : { better, worse }) {
            if (m >= 1 && m <= SAMPLE) {
                key_range s(SAMPLE);
                s.narrow(sample, SAMPLE, m, 1, -1);
                r.split(keys, n_keys, n, m == better ? s.high : s.low);
            }
        }
    }
    r.narrow(keys, n_keys, n, few, slack);
    return r;
}

int32_t flash_head_nth_best(const int32_t * keys, int64_t n_keys, int64_t n, int64_t slack) {
    return slack > 0 ? (int32_t) find_range(keys, n_keys, n, 0, slack).low : flash_head_select(keys, n_keys, n).key;
}

struct candidate {
    int32_t key;
    int32_t index;
};

static bool better(const candidate & a, const candidate & b) {
    return a.key > b.key || (a.key == b.key && a.index < b.index);
}

flash_head_threshold flash_head_select(const int32_t * keys, int64_t n_keys, int64_t n) {
    const key_range r = find_range(keys, n_keys, n, FEW, -1);

    if (r.n_low - r.n_high > FEW) { // all equal: the lowest indices
        int64_t left = n - r.n_high;
        for (int64_t i = 0; ; i++) {
            if (keys[i] == r.low && --left == 0) {
                return { (int32_t) r.low, (int32_t) i };
            }
        }
    }
    candidate candidates[FEW + 1];
    int64_t n_candidates = 0;
    for (int64_t i = 0; i < n_keys; i++) {
        candidates[n_candidates] = { keys[i], (int32_t) i };
        // no branch: it would be mispredicted too often
        n_candidates += (keys[i] >= r.low) & (keys[i] < r.high);
    }
    const int64_t left = n - r.n_high;
    std::nth_element(candidates, candidates + (left - 1), candidates + n_candidates, better);
    return { candidates[left - 1].key, candidates[left - 1].index };
}
