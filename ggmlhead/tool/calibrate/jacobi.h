#pragma once

#include <cstdint>
#include <vector>

// Eigenvalues of the symmetric matrix a [n][n], greatest first, and their eigenvectors, one a row of vectors [n][n], of
// unit length. Cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, section 8.5): for small n, to full
// precision.
void flash_head_jacobi(std::vector<double> a, int64_t n, std::vector<double> * values, std::vector<double> * vectors);
