// Tests of the linear algebra of calibration: eigenvectors against known spectra, directions against brute force.

#include "calibrate-fixture.h"

#include "cholesky.h"
#include "directions.h"
#include "jacobi.h"

static void test_cholesky(machine & on) {
    printf("cholesky: matrices that are not positive definite are refused\n");
    for (float bad : { 0.0f, -1.0f, NAN, INFINITY }) {
        flash_head_matrix a;
        flash_head_matrix_init(&a, 150, 150);
        for (int64_t i = 0; i < 150; i++) {
            a.row(i)[i] = i == 140 ? bad : 1.0f;
        }
        check(!flash_head_cholesky(&on.products, &a), "%f on the diagonal was accepted", bad);
    }
}

// A symmetric matrix [n][n] with the given eigenvalues: a diagonal one after n random reflections.
static std::vector<double> with_spectrum(const std::vector<double> & values, uint64_t seed) {
    const int64_t n = values.size();
    random_numbers random = { seed };
    std::vector<double> a(n*n, 0.0), u(n), au(n);
    for (int64_t i = 0; i < n; i++) {
        a[i*n + i] = values[i];
    }
    for (int64_t r = 0; r < n; r++) {
        double length = 0.0, uau = 0.0;
        for (double & x : u) {
            x = random.normal();
            length += x*x;
        }
        for (double & x : u) {
            x /= std::sqrt(length);
        }
        for (int64_t i = 0; i < n; i++) {
            au[i] = 0.0;
            for (int64_t k = 0; k < n; k++) {
                au[i] += a[i*n + k]*u[k];
            }
            uau += u[i]*au[i];
        }
        for (int64_t i = 0; i < n; i++) {
            for (int64_t k = 0; k < n; k++) {
                a[i*n + k] += 4.0*uau*u[i]*u[k] - 2.0*u[i]*au[k] - 2.0*au[i]*u[k];
            }
        }
    }
    return a;
}

static void test_jacobi() {
    printf("jacobi: known spectra with negative, equal and zero values\n");
    for (int64_t n : { 1, 2, 24, 72 }) {
        std::vector<double> want(n);
        for (int64_t i = 0; i < n; i++) {
            want[i] = i % 4 == 0 ? 0.0 : i % 4 == 1 ? -0.5*i : 3.0 + i/8;
        }
        const std::vector<double> a = with_spectrum(want, 4);
        std::vector<double> values, vectors;
        flash_head_jacobi(a, n, &values, &vectors);
        std::sort(want.rbegin(), want.rend());
        double worst = 0.0;
        for (int64_t i = 0; i < n; i++) {
            worst = std::max(worst, std::fabs(values[i] - want[i]));
            for (int64_t k = 0; k < n; k++) {
                double product = 0.0, length = 0.0;
                for (int64_t l = 0; l < n; l++) {
                    product += a[k*n + l]*vectors[i*n + l];
                    length  += vectors[i*n + l]*vectors[i*n + l];
                }
                worst = std::max({ worst, std::fabs(product - values[i]*vectors[i*n + k]), std::fabs(length - 1.0) });
            }
        }
        check(worst < 1e-9*n, "%lld: off by %g", (long long) n, worst);
    }
}

// Subspace iteration on a dense matrix a [d][d].
static void find(machine & on, const std::vector<double> & a, int64_t d, int64_t n, flash_head_subspace * out) {
    flash_head_subspace_find(on.pool.get(), d, n, [&](const flash_head_matrix & x, flash_head_matrix * y) {
        for (int64_t j = 0; j < x.n_rows; j++) {
            for (int64_t i = 0; i < d; i++) {
                double sum = 0.0;
                for (int64_t k = 0; k < d; k++) {
                    sum += a[i*d + k]*x.row(j)[k];
                }
                y->row(j)[i] = (float) sum;
            }
        }
    }, nothing, out);
}

static void test_subspace(machine & on) {
    printf("subspace: known spectra; fewer directions than asked for; none\n");
    const int64_t d = 160, n = 16;
    const struct { const char * what; int64_t rank; double decay; } cases[] = {
        { "steep", d, 0.7 }, { "flat", d, 0.97 }, { "of rank 16", 16, 0.9 }, { "of rank 5", 5, 0.9 },
        { "of rank 1", 1, 1.0 }, { "zero", 0, 1.0 },
    };
    for (const auto & c : cases) {
        std::vector<double> values(d, 0.0);
        double want = 0.0;
        for (int64_t i = 0; i < c.rank; i++) {
            values[i] = std::pow(c.decay, (double) i);
            want += i < n ? values[i] : 0.0;
        }
        flash_head_subspace got;
        find(on, with_spectrum(values, 5), d, n, &got);
        double sum = 0.0, worst = 0.0;
        int64_t n_zero = 0;
        for (int64_t i = 0; i < n; i++) {
            sum += got.values[i];
            n_zero += dot(got.vectors.row(i), got.vectors.row(i), d) == 0.0;
            for (int64_t k = 0; k <= i; k++) {
                const bool one = i == k && got.values[i] > 0.0;
                worst = std::max(worst, std::fabs(dot(got.vectors.row(i), got.vectors.row(k), d) - one));
            }
        }
        check(sum <= want*(1.0 + 1e-5) && sum >= want*(1.0 - 2e-3), "%s: captured %.6f of %.6f", c.what, sum, want);
        check(worst < 1e-5, "%s: vectors are not orthonormal, by %g", c.what, worst);
        const int64_t steep = c.decay == 0.7 ? n : std::min(n, c.rank);
        check(n_zero == n - steep, "%s: %lld vectors are zero", c.what, (long long) n_zero);
        check(got.rounds >= 1 && got.rounds <= 100, "%s: %d rounds", c.what, got.rounds);
    }
    flash_head_subspace got;
    find(on, with_spectrum({ 3.0, 2.0, 1.0 }, 6), 3, 8, &got);    // more directions than columns
    check(std::fabs(got.values[0] - 3.0) < 1e-5 && std::fabs(got.values[2] - 1.0) < 1e-5 && got.values[3] == 0.0,
            "3 columns: %f %f %f", got.values[0], got.values[2], got.values[3]);
}

static void test_metric(machine & on) {
    printf("metric: the mean over kinds, each with the same weight; zeros do not count\n");
    const int64_t d = 48;
    const std::vector<int64_t> kinds = { 30, 100, 7, 5 };
    const float loud[] = { 1.0f, 1000.0f, 1e-18f, 0.0f };
    flash_head_matrix hidden, c;
    fill_hidden(&hidden, 150, d, 8); // the last rows belong to no kind
    std::vector<double> want(d*d, 0.0);
    int64_t begin = 0;
    for (size_t kind = 0; kind < kinds.size(); kind++) {
        flash_head_matrix part;
        flash_head_matrix_init(&part, kinds[kind], d);
        for (int64_t i = 0; i < kinds[kind]; i++) {
            std::copy_n(hidden.row(begin + i), d, part.row(i));
            for (int64_t k = 0; k < d; k++) {
                hidden.row(begin + i)[k] *= loud[kind];
            }
        }
        begin += kinds[kind];
        const std::vector<double> moment = moment_of(part);
        double trace = 0.0;
        for (int64_t i = 0; i < d; i++) {
            trace += moment[i*d + i];
        }
        for (int64_t i = 0; i < d*d && loud[kind] > 0.0f; i++) {
            want[i] += moment[i]*d/trace/3.0;
        }
    }
    flash_head_hidden_metric(&on.products, hidden, kinds, nothing, &c);
    double worst = 0.0;
    for (int64_t i = 0; i < d; i++) {
        for (int64_t k = 0; k < d; k++) {
            worst = std::max(worst, std::fabs(c.row(i)[k] - want[i*d + k] - (i == k ? 0.02 : 0.0)));
        }
    }
    check(worst < 1e-4, "off by %g", worst);

    flash_head_matrix_init(&hidden, 150, d);
    flash_head_hidden_metric(&on.products, hidden, kinds, nothing, &c);
    for (int64_t i = 0; i < d; i++) {
        check(c.row(i)[i] == 1.0f && c.row(i)[(i + 1) % d] == 0.0f, "the metric of zeros is not the identity");
    }
}

static void test_directions(machine & on) {
    printf("directions: as much energy kept as by brute force, in the metric of the hidden states\n");
    const int64_t d = 300, n = 1500, rank = 16; // several blocks and tiles of the products and the factor
    flash_head_matrix hidden, residuals;
    flash_head_moments moments;
    flash_head_matrix & c = moments.metric, s;
    fill_hidden(&hidden, n, d, 8);
    fill_normal(&residuals, 700, d, 9);
    for (int64_t i = 0; i < residuals.n_rows; i++) {
        for (int64_t k = 0; k < d; k++) {
            residuals.row(i)[k] *= 1.0f/(1 + k % 24);
        }
    }
    flash_head_hidden_metric(&on.products, hidden, { n }, nothing, &c);
    const flash_head_row_source source = { residuals.n_rows, d,
        [&](int64_t i, float * x) { std::copy_n(residuals.row(i), d, x); } };
    flash_head_second_moment(&on.products, source, nothing, &moments.residuals);
    flash_head_second_moment(&on.products, source, nothing, &s); // find overwrites the other

    const flash_head_directions got = flash_head_directions_find(&on.products, &moments, rank, nothing);
    // naively: C with its shrinkage, the matrix L^T S L, all of its eigenvalues
    std::vector<double> plain = moment_of(hidden), m(d*d, 0.0), sl(d*d, 0.0), values, vectors;
    double energy = 0.0, best = 0.0, scale = 0.0;
    for (int64_t i = 0; i < d; i++) {
        scale += plain[i*d + i]/d;
    }
    double worst = 0.0;
    for (int64_t i = 0; i < d; i++) {
        for (int64_t k = 0; k < d; k++) {
            plain[i*d + k] = plain[i*d + k]/scale + (i == k ? 0.02 : 0.0);
            worst = std::max(worst, std::fabs(plain[i*d + k] - dot(c.row(i), c.row(k), d)));    // c is L now
            for (int64_t l = 0; l < d; l++) {
                sl[i*d + k] += (double) s.row(i)[l]*c.row(l)[k];
            }
        }
    }
    check(worst < 1e-4, "L L^T is not the shrunk second moment, by %g", worst);
    for (int64_t i = 0; i < d; i++) {
        for (int64_t k = 0; k < d; k++) {
            for (int64_t l = 0; l < d; l++) {
                m[i*d + k] += (double) c.row(l)[i]*sl[l*d + k];
            }
        }
        energy += m[i*d + i];
    }
    flash_head_jacobi(m, d, &values, &vectors);
    for (int64_t i = 0; i < rank; i++) {
        best += values[i];
        const double variance = i < (int64_t) got.variances.size() ? got.variances[i] : 0.0;
        double square = 0.0;
        for (int64_t r = 0; r < residuals.n_rows; r++) {
            const double y = dot(residuals.row(r), &got.rows[i*d], d);
            square += y*y;
        }
        check(std::fabs(square/variance - 1.0) < 1e-3, "direction %lld: variance %g, expected %g", (long long) i,
                variance, square);
    }
    check(std::fabs(got.kept - best/energy) < 1e-3, "kept %.5f, best %.5f", got.kept, best/energy);

    // the energy that rows and activations leave of the residuals: |(R - R rows activations^T) L|^2
    double left = 0.0;
    for (int64_t i = 0; i < residuals.n_rows; i++) {
        std::vector<float> rest(residuals.row(i), residuals.row(i) + d);
        for (int64_t j = 0; j < rank; j++) {
            const double factor = dot(residuals.row(i), &got.rows[j*d], d);
            for (int64_t k = 0; k < d; k++) {
                rest[k] -= (float) (factor*got.activations[j*d + k]);
            }
        }
        for (int64_t k = 0; k < d; k++) {
            double sum = 0.0;
            for (int64_t l = 0; l < d; l++) {
                sum += (double) rest[l]*c.row(l)[k];
            }
            left += sum*sum;
        }
    }
    check(std::fabs(1.0 - left/energy - best/energy) < 1e-3, "rows and activations keep %.5f, best %.5f",
            1.0 - left/energy, best/energy);
}

void test_algebra() {
    machine on;
    test_cholesky(on);
    test_jacobi();
    test_subspace(on);
    test_metric(on);
    test_directions(on);
}
