#pragma once

#include "matrix.h"

#include <functional>
#include <vector>

// The dominant eigenvectors of a symmetric matrix with no negative eigenvalues, which is known by its products alone.
struct fhc_subspace {
    std::vector<double> values;     // [n] eigenvalues, greatest first
    fhc_matrix          vectors;    // [n][d] eigenvectors of unit length; zeros where the eigenvalue is zero
    int                 rounds = 0;
};

// Finds n of them, of a matrix of d columns; multiply writes the products of the rows of x [m][d] to y [m][d]. Values
// below a millionth of the greatest are taken for zero. Block subspace iteration with Rayleigh-Ritz from a fixed start
// (Halko, Martinsson and Tropp, Finding structure with randomness, SIAM Review 53, 2011), until the sum of the n values
// grows by less than 1e-5 of itself in a round, or 100 rounds. progress gets shares of the 100, and 1 at the end.
void fhc_subspace_find(int64_t d, int64_t n, const std::function<void(const fhc_matrix & x, fhc_matrix * y)> & multiply,
        const std::function<void(double)> & progress, fhc_subspace * out);
