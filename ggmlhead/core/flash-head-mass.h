#pragma once

// How many tokens a row needs better than an estimate.
//
// If logits are off by independent errors of variance s^2 for tokens that together have the share m of the
// probability, the distribution is expected to be off by a Kullback-Leibler divergence of m*s^2/2, to second order. So
// the share that may keep its estimates follows from the variance, which the codes know for each row, and from the
// divergence that may be spent on them. A sure row has few tokens outside that share, a flat or a large one many.

#include "flash-head-allowance.h"
#include "flash-head-sample.h"

#include <stdint.h>

// Tokens of a block, whose sums are kept apart so that the total does not depend on the number of threads.
#define FLASH_HEAD_MASS_BLOCK 256

static inline int64_t flash_head_n_masses(int64_t n_vocab) {
    return (n_vocab + FLASH_HEAD_MASS_BLOCK - 1)/FLASH_HEAD_MASS_BLOCK;
}

// A sum of exp(estimate), as most and sum of exp(estimate - most), to within 3 %.
struct flash_head_mass {
    float most;
    float sum;
};

// Of estimates [n].
flash_head_mass flash_head_mass_of(const float * estimates, int64_t n);

// Of all blocks [n].
flash_head_mass flash_head_mass_total(const flash_head_mass * blocks, int64_t n);

// The greatest estimate such that tokens below it have at most `share` of the total, about; tokens below `from` do not
// count. keys [sample.size] are those of a sample of all tokens. -INFINITY if there is none.
float flash_head_least_of_mass(const int32_t * keys, const flash_head_sample & sample, flash_head_mass total,
        float from, float share);
