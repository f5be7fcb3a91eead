#pragma once

#include "products.h"

#include <functional>
#include <vector>

// The dominant eigenvectors of a symmetric matrix with no negative eigenvalues, given only by its products.
struct flash_head_subspace {
    std::vector<double> values;     // [n] eigenvalues, largest first
    flash_head_matrix   vectors;    // [n][d] eigenvectors of unit length; zeros where the eigenvalue is zero
    int                 rounds = 0;
};

// Finds n of them, of a matrix of d columns; multiply writes the products of the rows of x [m][d] to y [m][d]. Values
// below a millionth of the greatest count as zero. Block subspace iteration from a fixed start (Halko, Martinsson and
// Tropp, Finding structure with randomness, SIAM Review 53, 2011) until the captured energy grows by less than 1e-5 of
// itself in a round, or for 100 rounds; then one Rayleigh-Ritz step. progress gets shares of the 100, and 1 at the end.
void flash_head_subspace_find(flash_head_pool * pool, int64_t d, int64_t n,
        const std::function<void(const flash_head_matrix & x, flash_head_matrix * y)> & multiply,
        const std::function<void(double)> & progress, flash_head_subspace * out);
