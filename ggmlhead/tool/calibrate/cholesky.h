#pragma once

#include "products.h"

// Makes of the symmetric matrix a [n][n] its Cholesky factor in place: lower triangular, zeros above, a = L L^T. Only
// the lower half of a is read. Blocks of columns, the diagonal ones in double (right-looking: Golub and Van Loan,
// Matrix Computations, section 4.2). Returns false if a is not positive definite, or not finite.
bool flash_head_cholesky(flash_head_products * p, flash_head_matrix * a);

// Solves L^T y = x for every row x of x, in place; l [n][n] is lower triangular with a diagonal that is not zero.
void flash_head_solve_transposed(flash_head_pool * pool, const flash_head_matrix * l, flash_head_matrix * x);
