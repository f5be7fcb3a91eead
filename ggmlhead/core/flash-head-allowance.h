#pragma once

// What estimates may cost (flash-head-mass.h tells why), for the CPU and the kernels of GPUs alike.

#include "flash-head-function.h"

#include <math.h>
#include <stdint.h>

// The least number of tokens to score exactly: as many as n_probe of n_cluster clusters have on average, rounded up.
FLASH_HEAD_FUNCTION int64_t flash_head_least_exact(int64_t n_probe, int64_t n_vocab, int64_t n_cluster) {
    return (n_probe*n_vocab + n_cluster - 1)/n_cluster;
}

// The least number of tokens whose fine code is read: n_near, but twice as many as are scored exactly.
FLASH_HEAD_FUNCTION int64_t flash_head_least_near(int64_t n_near, int64_t n_exact) {
    return n_near > 2*n_exact ? n_near : 2*n_exact;
}

// The share of the probability that may keep estimates, if these may cost `tolerance`. Errors above `limit` make the
// masses themselves wrong, as tokens that are overestimated stand first; so the share falls by exp(-steepness) for each
// nat^2 more.
struct flash_head_allowance {
    float tolerance, limit, steepness;
};

// Of a tolerance, what tokens without a fine code may cost, and those with one that are not scored exactly. Reading a
// fine code takes less time than scoring a row, but there are more of them. docs/estimates.md tells of the numbers.
FLASH_HEAD_FUNCTION struct flash_head_allowance flash_head_allowance_of_far(float tolerance) {
    return { 0.8f*tolerance, 12.0f, 0.1f };
}
FLASH_HEAD_FUNCTION struct flash_head_allowance flash_head_allowance_of_near(float tolerance) {
    return { 0.2f*tolerance, 2.5f, 0.5f };
}

// The share, for estimates whose squared error is expected to be `error`.
FLASH_HEAD_FUNCTION float flash_head_allowed_share(struct flash_head_allowance a, float error) {
    return 2.0f*a.tolerance/error*expf(-a.steepness*fmaxf(0.0f, error - a.limit));
}
