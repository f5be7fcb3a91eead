#pragma once

#include "subspace.h"

#include <functional>
#include <vector>

// The directions of a coarse code (core/flash-head-codes.h).
//
// The residuals R [V][d] of a head's rows are approximated by a matrix R' of rank n, so that products with hidden
// states change least in mean square. With the states' metric C = L L^T that mean square is the Frobenius norm of
// (R - R') L, so R' L is the truncated singular value decomposition of R L (Eckart and Young, The approximation of one
// matrix by another of lower rank, Psychometrika 1, 1936). With the first n eigenvectors v_j of L^T S L, where S is the
// second moment of the residuals:
//     rows_j = L v_j,    activations_j = L^-T v_j,    R' x = sum over j of (R rows_j) (activations_j . x)
// The eigenvalue of v_j is the mean square of R rows_j.

// Share of the identity in the metric, for kinds of text that calibration does not see.
const double FLASH_HEAD_IDENTITY_SHARE = 0.02;

// Most residuals used; evenly spread if there are more.
const int64_t FLASH_HEAD_MAX_RESIDUALS = 65536;

struct flash_head_directions {
    std::vector<float>  rows;          // [n][d]
    std::vector<float>  activations;   // [n][d]
    std::vector<double> variances;     // [n] mean squares of the residuals' products with rows, greatest first
    double              kept   = 0.0;  // share of the residuals' energy in the metric, 0..1; 1 if they have none
    int                 rounds = 0;    // of subspace iteration
};

// The metric C of hidden states of several kinds of text: kind k is the next kinds[k] rows of hidden. C is the mean of
// the kinds' second moments, each scaled to a trace of d, and FLASH_HEAD_IDENTITY_SHARE of the identity. Without this
// scale the kind with the largest states would dominate. Kinds of zeros do not count; if all are, C is the identity.
// progress gets shares, 0..1.
void flash_head_hidden_metric(flash_head_products * p, const flash_head_matrix & hidden,
        const std::vector<int64_t> & kinds, const std::function<void(double)> & progress, flash_head_matrix * out);

// Second moments [d][d].
struct flash_head_moments {
    flash_head_matrix metric;    // C, of hidden states
    flash_head_matrix residuals; // S
};

// Finds the n best directions and overwrites moments: metric becomes its Cholesky factor. Directions without energy are
// left out. Throws std::runtime_error if moments are not finite, or the metric is not positive definite.
flash_head_directions flash_head_directions_find(flash_head_products * p, flash_head_moments * moments, int64_t n,
        const std::function<void(double)> & progress);
