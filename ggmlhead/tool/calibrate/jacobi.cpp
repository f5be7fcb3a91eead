#include "jacobi.h"

#include <algorithm>
#include <cmath>
#include <numeric>

// Turns rows i and j of x [.][n] by the angle of cosine c and sine s.
static void turn(double * x, int64_t n, int64_t i, int64_t j, double c, double s) {
    for (int64_t k = 0; k < n; k++) {
        const double xi = x[i*n + k], xj = x[j*n + k];
        x[i*n + k] = c*xi - s*xj;
        x[j*n + k] = s*xi + c*xj;
    }
}

void flash_head_jacobi(std::vector<double> a, int64_t n, std::vector<double> * values, std::vector<double> * vectors) {
    std::vector<double> v(n*n, 0.0);
    for (int64_t i = 0; i < n; i++) {
        v[i*n + i] = 1.0;
    }
    const int max_sweeps = 60;    // ten are enough in practice
    for (int sweep = 0; sweep < max_sweeps; sweep++) {
        double off = 0.0, all = 0.0;
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = 0; j < n; j++) {
                all += a[i*n + j]*a[i*n + j];
                off += i != j ? a[i*n + j]*a[i*n + j] : 0.0;
            }
        }
        if (!(off > 1e-28*all)) {
            break;
        }
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = i + 1; j < n; j++) {
                const double aij = a[i*n + j];
                if (aij == 0.0) {
                    continue;
                }
                // the smaller of the two angles that make a[i][j] zero
                const double theta = (a[j*n + j] - a[i*n + i])/(2.0*aij);
                const double t     = (theta < 0.0 ? -1.0 : 1.0)/(std::fabs(theta) + std::sqrt(theta*theta + 1.0));
                const double c     = 1.0/std::sqrt(t*t + 1.0);
                const double s     = t*c;
                for (int64_t k = 0; k < n; k++) {
                    const double ki = a[k*n + i], kj = a[k*n + j];
                    a[k*n + i] = c*ki - s*kj;
                    a[k*n + j] = s*ki + c*kj;
                }
                turn(a.data(), n, i, j, c, s);
                turn(v.data(), n, i, j, c, s);
            }
        }
    }
    std::vector<int64_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) { return a[i*n + i] > a[j*n + j]; });
    values ->resize(n);
    vectors->resize(n*n);
    for (int64_t i = 0; i < n; i++) {
        (*values)[i] = a[order[i]*n + order[i]];
        std::copy_n(v.begin() + order[i]*n, n, vectors->begin() + i*n);
    }
}
