#include "flash-head-select.h"

#include <algorithm>
#include <string.h>

// Digits of a key, most significant first: 11 + 11 + 10 bits.
static const int DIGIT_SHIFT[] = { 21, 10, 0 };
static const int DIGIT_BINS    = 2048;

// the bin in which the n-th best lies; n becomes its rank within that bin
static uint32_t find_bin(const uint32_t * counts, int64_t * n) {
    for (int bin = DIGIT_BINS - 1; bin > 0; bin--) {
        if (*n <= counts[bin]) {
            return bin;
        }
        *n -= counts[bin];
    }
    return 0;
}

static bool better(const flash_head_candidate & a, const flash_head_candidate & b) {
    return a.key > b.key || (a.key == b.key && a.index < b.index);
}

uint32_t flash_head_nth_best(const uint32_t * keys, int64_t n_keys, int64_t n) {
    uint32_t counts[DIGIT_BINS];
    uint32_t found = 0; // the digits so far
    for (int digit = 0; digit < 3; digit++) {
        const int shift = DIGIT_SHIFT[digit];
        const int above = digit == 0 ? 32 : DIGIT_SHIFT[digit - 1];

        memset(counts, 0, sizeof(counts));
        for (int64_t i = 0; i < n_keys; i++) {
            if (digit == 0 || keys[i] >> above == found >> above) {
                counts[(keys[i] >> shift) & (DIGIT_BINS - 1)] += 1;
            }
        }
        found |= find_bin(counts, &n) << shift;
    }
    return found;
}

flash_head_threshold flash_head_select(const uint32_t * keys, int64_t n_keys, int64_t n, flash_head_candidate * scratch) {
    uint32_t counts[DIGIT_BINS];

    memset(counts, 0, sizeof(counts));
    for (int64_t i = 0; i < n_keys; i++) {
        counts[keys[i] >> DIGIT_SHIFT[0]]++;
    }
    const uint32_t first = find_bin(counts, &n);

    int64_t left = 0;
    for (int64_t i = 0; i < n_keys; i++) {
        if (keys[i] >> DIGIT_SHIFT[0] == first) {
            scratch[left++] = { keys[i], (int32_t) i };
        }
    }

    // scores lie close together, so one digit often leaves thousands
    memset(counts, 0, sizeof(counts));
    for (int64_t i = 0; i < left; i++) {
        counts[(scratch[i].key >> DIGIT_SHIFT[1]) % DIGIT_BINS]++;
    }
    const uint32_t second = find_bin(counts, &n);

    int64_t last = 0;
    for (int64_t i = 0; i < left; i++) {
        if ((scratch[i].key >> DIGIT_SHIFT[1]) % DIGIT_BINS == second) {
            scratch[last++] = scratch[i];
        }
    }

    std::nth_element(scratch, scratch + (n - 1), scratch + last, better);
    return { scratch[n - 1].key, scratch[n - 1].index };
}
