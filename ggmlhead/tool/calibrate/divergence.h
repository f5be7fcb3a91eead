#pragma once

#include <cstdint>

// The Kullback-Leibler divergence of two softmax distributions, from pieces of their logits. Sums of exponentials are
// relative to the largest logit so far.
struct flash_head_divergence {
    double   dense_max = 0.0, dense_sum = 0.0; // of the dense logits
    double   gaps      = 0.0;                  // sum of exp(dense - dense_max)*(dense - other)
    double   other_max = 0.0, other_sum = 0.0; // of the others
    uint32_t dense_best = 0, best = 0;         // the tokens with the largest logits, the first one of ties

    // Adds n tokens from the given one on, after those before them. The other logits are the estimates, or the dense
    // ones where an estimate is `exact`. All are finite.
    void add(const float * dense, const float * estimates, int64_t n, float exact, uint32_t first);

    // Of the other distribution from the dense one, in nats.
    double value() const;
};
