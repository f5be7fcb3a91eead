#pragma once

#include "products.h"

// Replaces the symmetric matrix a [n][n] by its Cholesky factor L: lower triangular, zeros above, a = L L^T. Reads only
// the lower half of a. Right-looking by blocks of columns, with diagonal blocks in double (Golub and Van Loan, Matrix
// Computations, section 4.2). Returns false if a is not positive definite or not finite.
bool flash_head_cholesky(flash_head_products * p, flash_head_matrix * a);

// Solves L^T y = x in place for every row of x. l [n][n] is lower triangular with a nonzero diagonal.
void flash_head_solve_transposed(flash_head_pool * pool, const flash_head_matrix * l, flash_head_matrix * x);
