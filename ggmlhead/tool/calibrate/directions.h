#pragma once

#include "subspace.h"
#include "products.h"

#include <functional>
#include <string>
#include <vector>

// The directions of a coarse code (core/flash-head-codes.h): a basis in which the error of a code is the error of a
// logit, and whose first directions hold the most of it.
//
// Let C = L L^T be the second moment of hidden states x, and S that of the residuals r of a head's rows. With the
// eigenvectors v_j of L^T S L, greatest eigenvalues first:
//     rows_j = L v_j,    activations_j = L^-T v_j,    r . x = sum over all j of (r . rows_j) (activations_j . x)
// The numbers activations_j . x are uncorrelated and have mean square 1, and (r . rows_j) has the eigenvalue as mean
// square. The first ones are the best approximation of that rank in mean square over hidden states (Eckart and Young,
// The approximation of one matrix by another of lower rank, Psychometrika 1, 1936).

// Of the identity, added to the second moment of states: for kinds of text that were not seen.
const double FHC_SHRINKAGE = 0.02;

// Residuals that are looked at, evenly spread if there are more.
const int64_t FHC_MAX_RESIDUALS = 65536;

struct fhc_directions {
    std::vector<float> rows;           // [rank][d]
    std::vector<float> activations;    // [rank][d]
    std::vector<float> variances;      // [rank]: mean squares of the residuals' products with rows, greatest first
    // share of the residuals' energy under C that they keep, 0..1; 1 if there is none
    double             kept   = 0.0;
    int                rounds = 0;     // of subspace iteration
};

// C of the first rows of hidden, lower and upper half: the mean over kinds of text of their second moments, each scaled
// to a trace of d, so that the loudest kind does not own it, and a part of the identity. fit are the rows of each kind,
// one after the other; a kind of zeros counts as none, and no kind gives the identity. progress gets shares, 0..1.
void fhc_hidden_moment(fhc_products * p, const fhc_matrix & hidden, const std::vector<int64_t> & fit,
        const std::function<void(double)> & progress, fhc_matrix * out);

// The rank best directions of residuals with the second moment s (a mean over rows) under the states' second moment c,
// both [d][d]; c becomes its Cholesky factor. If fewer residuals' directions have energy, the others are zeros. Returns false and sets
// error if c or s is not finite, or c not positive definite.
bool fhc_directions_find(fhc_products * p, fhc_matrix * c, const fhc_matrix & s, int64_t rank,
        const std::function<void(double)> & progress,
        fhc_directions * out, std::string * error);
