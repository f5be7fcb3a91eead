#pragma once

#include "subspace.h"
#include "products.h"

#include <functional>
#include <string>
#include <vector>

// The directions of a sketch (core/flash-head-sketch.h).
//
// The residuals R [V][d] of a head's rows are to be replaced by a matrix of rank r such that products with hidden
// states x change least in mean square. With the states' second moment C = L L^T that mean square is the Frobenius norm
// of (R - R') L, so R' L is the truncated singular value decomposition of R L (Eckart and Young, The approximation of
// one matrix by another of lower rank, Psychometrika 1, 1936). With the first r eigenvectors v_j of L^T R^T R L:
//     rows_j = L v_j,    activations_j = L^-T v_j,    R' x = sum over j of (R rows_j) (activations_j . x)

// Share of the states' second moment that is put equally on all directions, against chance in a finite sample.
const double FHC_SHRINKAGE = 0.02;

// Residuals that are looked at, evenly spread if there are more.
const int64_t FHC_MAX_RESIDUALS = 65536;

struct fhc_directions {
    std::vector<float> rows;           // [rank][d]
    std::vector<float> activations;    // [rank][d]
    // share of the residuals' energy under C that they keep, 0..1; 1 if there is none
    double             kept   = 0.0;
    int                rounds = 0;     // of subspace iteration
};

// C of the first n rows of hidden, lower and upper half, scaled to a trace of d and shrunk; the identity if all states
// are zero. progress gets shares, 0..1.
void fhc_hidden_moment(fhc_products * p, const fhc_matrix & hidden, int64_t n,
        const std::function<void(double)> & progress, fhc_matrix * out);

// The rank best directions of residuals with the second moment s under the states' second moment c, both [d][d]; c
// becomes its Cholesky factor. If fewer residuals' directions have energy, the others are zeros. Returns false and sets
// error if c or s is not finite, or c not positive definite.
bool fhc_directions_find(fhc_products * p, fhc_matrix * c, const fhc_matrix & s, int64_t rank,
        const std::function<void(double)> & progress,
        fhc_directions * out, std::string * error);
