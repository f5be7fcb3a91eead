// Tests of calibration on heads made here: the algebra against plain sums and known spectra, the directions against brute
// force, records against sorting, threads, degenerate input.

#include "check.h"

#include "cholesky.h"
#include "flash-head-build.h"
#include "flash-head-calibrate.h"
#include "flash-head-sketch.h"
#include "jacobi.h"
#include "records.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

static checker check;

struct random_numbers {
    uint64_t state;

    uint64_t next() {
        uint64_t z = (state += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30))*0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27))*0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    // about normal: a sum of uniform numbers
    float normal() {
        float sum = 0.0f;
        for (int i = 0; i < 6; i++) {
            sum += (float) (next() >> 40)/(1 << 24) - 0.5f;
        }
        return sum*1.41f;
    }
};

// Products on n threads.
struct machine {
    std::unique_ptr<fhc_pool, decltype(&fhc_pool_free)> pool;
    fhc_products products;

    machine(int n_threads = 2) : pool(fhc_pool_new(n_threads), fhc_pool_free) {
        GGML_ASSERT(fhc_products_init(&products, pool.get()));
    }
};

static void nothing(double) {
}

static void fill_normal(fhc_matrix * m, int64_t n_rows, int64_t n_cols, uint64_t seed) {
    random_numbers random = { seed };
    fhc_matrix_init(m, n_rows, n_cols);
    for (int64_t i = 0; i < n_rows; i++) {
        for (int64_t k = 0; k < n_cols; k++) {
            m->row(i)[k] = random.normal();
        }
    }
}

static double dot(const float * x, const float * y, int64_t n) {
    double sum = 0.0;
    for (int64_t k = 0; k < n; k++) {
        sum += (double) x[k]*y[k];
    }
    return sum;
}

// The sum of x x^T over the rows x of m, plainly: [d][d].
static std::vector<double> moment_of(const fhc_matrix & m) {
    const int64_t d = m.n_cols;
    std::vector<double> out(d*d, 0.0);
    for (int64_t r = 0; r < m.n_rows; r++) {
        for (int64_t i = 0; i < d; i++) {
            for (int64_t k = 0; k < d; k++) {
                out[i*d + k] += (double) m.row(r)[i]*m.row(r)[k];
            }
        }
    }
    return out;
}

static void test_moment(machine & on) {
    printf("moment: against plain sums, sizes that fill blocks and tiles and that do not\n");
    const struct { int64_t n, d; } cases[] = { { 1, 32 }, { 5, 40 }, { 17, 1 }, { 1024, 256 }, { 1500, 300 } };
    for (const auto & c : cases) {
        fhc_matrix x, got;
        fill_normal(&x, c.n, c.d, 1);
        double share = 0.0;
        fhc_second_moment(&on.products, c.n, c.d, [&](int64_t i, float * row) { std::copy_n(x.row(i), c.d, row); }, [&](double s) { share = s; }, &got);
        const std::vector<double> want = moment_of(x);
        double worst = 0.0;
        for (int64_t i = 0; i < c.d; i++) {
            for (int64_t k = 0; k < c.d; k++) {
                worst = std::max(worst, std::fabs(got.row(i)[k] - want[i*c.d + k]));
            }
        }
        check(worst < 1e-5*c.n + 1e-5, "%lld rows of %lld: off by %g", (long long) c.n, (long long) c.d, worst);
        check(share == 1.0, "progress ended at %f", share);
    }
}

static void test_cholesky(machine & on) {
    printf("cholesky: L L^T is the matrix, L^T is solved; what is not positive definite is refused\n");
    for (int64_t n : { 1, 31, 128, 300 }) {
        fhc_matrix x, l, y;
        fill_normal(&x, 2*n + 10, n, 2);
        const std::vector<double> a = moment_of(x);
        fhc_matrix_init(&l, n, n);
        for (int64_t i = 0; i < n; i++) {
            for (int64_t k = 0; k < n; k++) {
                l.row(i)[k] = k <= i ? (float) a[i*n + k] : NAN;    // only the lower half is to be read
            }
        }
        if (!check(fhc_cholesky(&on.products, &l), "%lld: refused", (long long) n)) {
            continue;
        }
        double worst = 0.0;
        for (int64_t i = 0; i < n; i++) {
            for (int64_t k = 0; k < n; k++) {
                worst = std::max(worst, std::fabs(dot(l.row(i), l.row(k), n) - a[i*n + k]));
            }
        }
        check(worst < 1e-5*a[0] + 1e-4, "%lld: L L^T is off by %g", (long long) n, worst);

        fill_normal(&y, 3, n, 3);
        fhc_matrix want;
        fill_normal(&want, 3, n, 3);
        fhc_solve_transposed(on.pool.get(), &l, &y);
        worst = 0.0;
        for (int64_t j = 0; j < 3; j++) {
            for (int64_t i = 0; i < n; i++) {
                double sum = 0.0;    // row i of L^T y
                for (int64_t k = i; k < n; k++) {
                    sum += (double) l.row(k)[i]*y.row(j)[k];
                }
                worst = std::max(worst, std::fabs(sum - want.row(j)[i]));
            }
        }
        check(worst < 1e-4, "%lld: L^T y is off by %g", (long long) n, worst);
    }
    for (float bad : { 0.0f, -1.0f, NAN, INFINITY }) {
        fhc_matrix a;
        fhc_matrix_init(&a, 150, 150);
        for (int64_t i = 0; i < 150; i++) {
            a.row(i)[i] = i == 140 ? bad : 1.0f;
        }
        check(!fhc_cholesky(&on.products, &a), "%f on the diagonal was taken", bad);
    }
}

// A symmetric matrix [n][n] with the given eigenvalues, made by turning a diagonal one by n random reflections.
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
    printf("jacobi: known spectra, also negative, equal and zero values\n");
    for (int64_t n : { 1, 2, 24, 72 }) {
        std::vector<double> want(n);
        for (int64_t i = 0; i < n; i++) {
            want[i] = i % 4 == 0 ? 0.0 : i % 4 == 1 ? -0.5*i : 3.0 + i/8;
        }
        const std::vector<double> a = with_spectrum(want, 4);
        std::vector<double> values, vectors;
        fhc_jacobi(a, n, &values, &vectors);
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

// Subspace iteration on a plain matrix a [d][d].
static void find(const std::vector<double> & a, int64_t d, int64_t n, fhc_subspace * out) {
    fhc_subspace_find(d, n, [&](const fhc_matrix & x, fhc_matrix * y) {
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

static void test_subspace() {
    printf("subspace: known spectra, fewer directions than asked for, none\n");
    const int64_t d = 160, n = 16;
    const struct { const char * what; int64_t rank; double decay; } cases[] = {
        { "steep", d, 0.7 }, { "flat", d, 0.97 }, { "of rank 16", 16, 0.9 }, { "of rank 5", 5, 0.9 }, { "of rank 1", 1, 1.0 }, { "zero", 0, 1.0 },
    };
    for (const auto & c : cases) {
        std::vector<double> values(d, 0.0);
        double want = 0.0;
        for (int64_t i = 0; i < c.rank; i++) {
            values[i] = std::pow(c.decay, (double) i);
            want += i < n ? values[i] : 0.0;
        }
        fhc_subspace got;
        find(with_spectrum(values, 5), d, n, &got);
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
    fhc_subspace got;
    find(with_spectrum({ 3.0, 2.0, 1.0 }, 6), 3, 8, &got);    // more than there are columns
    check(std::fabs(got.values[0] - 3.0) < 1e-5 && std::fabs(got.values[2] - 1.0) < 1e-5 && got.values[3] == 0.0, "3 columns: %f %f %f", got.values[0], got.values[2], got.values[3]);
}

// Hidden states with some strong directions: [n][d].
static void fill_hidden(fhc_matrix * hidden, int64_t n, int64_t d, uint64_t seed) {
    fhc_matrix base;
    fill_normal(&base, 6, d, 77);
    fill_normal(hidden, n, d, seed);
    random_numbers random = { seed + 1 };
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < 6; j++) {
            const float part = random.normal()*2.0f;
            for (int64_t k = 0; k < d; k++) {
                hidden->row(i)[k] += part*base.row(j)[k];
            }
        }
    }
}

static void test_directions(machine & on) {
    printf("directions: as much energy kept as by brute force, in the metric of the hidden states\n");
    const int64_t d = 96, n = 400, rank = 16;
    fhc_matrix hidden, residuals, c, s;
    fill_hidden(&hidden, n, d, 8);
    fill_normal(&residuals, 700, d, 9);
    for (int64_t i = 0; i < residuals.n_rows; i++) {
        for (int64_t k = 0; k < d; k++) {
            residuals.row(i)[k] *= 1.0f/(1 + k % 24);
        }
    }
    fhc_hidden_moment(&on.products, hidden, n, nothing, &c);
    double trace = 0.0;
    for (int64_t i = 0; i < d; i++) {
        trace += c.row(i)[i];
    }
    check(std::fabs(trace - d) < 1e-3*d, "the trace of C is %f", trace);
    fhc_second_moment(&on.products, residuals.n_rows, d, [&](int64_t i, float * x) { std::copy_n(residuals.row(i), d, x); }, nothing, &s);

    fhc_directions got;
    std::string error;
    if (!check(fhc_directions_find(&on.products, &c, s, rank, nothing, &got, &error), "%s", error.c_str())) {
        return;
    }
    // plainly: C with its shrinkage, the matrix L^T S L, all of its eigenvalues
    std::vector<double> plain = moment_of(hidden), m(d*d, 0.0), sl(d*d, 0.0), values, vectors;
    double energy = 0.0, best = 0.0, scale = 0.0;
    for (int64_t i = 0; i < d; i++) {
        scale += plain[i*d + i]/d;
    }
    double worst = 0.0;
    for (int64_t i = 0; i < d; i++) {
        for (int64_t k = 0; k < d; k++) {
            plain[i*d + k] = 0.98*plain[i*d + k]/scale + (i == k ? 0.02 : 0.0);
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
    fhc_jacobi(m, d, &values, &vectors);
    for (int64_t i = 0; i < rank; i++) {
        best += values[i];
    }
    check(std::fabs(got.kept - best/energy) < 1e-3, "kept %.5f, best %.5f", got.kept, best/energy);

    // what is left of the residuals, measured with the rows and activations that came out: |(R - R rows activations^T) L|^2
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
    check(std::fabs(1.0 - left/energy - best/energy) < 1e-3, "rows and activations keep %.5f, best %.5f", 1.0 - left/energy, best/energy);
}

// A head and its clusters, which may differ in size.
struct head {
    fhc_weight            weight;
    std::vector<uint32_t> cluster;
    int64_t               n_clusters;
};

static void set_weight(fhc_weight * w, enum ggml_type type, const fhc_matrix & x) {
    w->info.name   = "w";
    w->info.type   = type;
    w->info.n_rows = x.n_rows;
    w->info.n_cols = x.n_cols;
    w->data.resize(x.n_rows*ggml_row_size(type, x.n_cols));
    w->most = 0.0f;
    for (int64_t i = 0; i < x.n_rows; i++) {
        ggml_quantize_chunk(type, x.row(i), w->data.data + i*ggml_row_size(type, x.n_cols), 0, 1, x.n_cols, nullptr);
        for (int64_t k = 0; k < x.n_cols; k++) {
            w->most = std::max(w->most, std::fabs(x.row(i)[k]));
        }
    }
}

static void set_clusters(head * h, int64_t n_rows, int64_t n_clusters, uint64_t seed) {
    random_numbers random = { seed };
    h->n_clusters = n_clusters;
    h->cluster.resize(n_rows);
    for (int64_t i = 0; i < n_rows; i++) {
        const uint64_t c = random.next() % n_clusters;
        h->cluster[i] = (uint32_t) (i < n_clusters ? i : c % 3 == 0 ? c : random.next() % n_clusters);
    }
}

// Rows scattered around their cluster's centre, by n_directions directions that all share.
static void set_head(head * h, enum ggml_type type, int64_t n_rows, int64_t d, int64_t n_clusters, int64_t n_directions, uint64_t seed) {
    fhc_matrix x, centres, directions;
    fill_normal(&centres, n_clusters, d, seed);
    fill_normal(&directions, n_directions, d, seed + 1);
    fhc_matrix_init(&x, n_rows, d);
    set_clusters(h, n_rows, n_clusters, seed + 2);
    random_numbers random = { seed + 3 };
    for (int64_t i = 0; i < n_rows; i++) {
        for (int64_t k = 0; k < d; k++) {
            x.row(i)[k] = 0.05f*centres.row(h->cluster[i])[k];
        }
        for (int64_t j = 0; j < n_directions; j++) {
            const float part = 0.03f*random.normal();
            for (int64_t k = 0; k < d; k++) {
                x.row(i)[k] += part*directions.row(j)[k];
            }
        }
    }
    set_weight(&h->weight, type, x);
}

struct outcome {
    bool            ok;
    fhc_calibration result;
    std::string     error;
};

static outcome calibrate(const head & h, const fhc_matrix & hidden, int64_t fit, int32_t rank, enum ggml_type centroid_type = GGML_TYPE_Q4_0, int n_threads = 2) {
    outcome out;
    fhc_calibrate_params params;
    params.fit           = fit;
    params.rank          = rank;
    params.centroid_type = centroid_type;
    double last  = 0.0;
    bool   falls = false;
    params.progress = [&](const char *, double fraction) {
        falls = falls || fraction < last || fraction > 1.0 + 1e-9;
        last  = fraction;
    };
    std::unique_ptr<fhc_pool, decltype(&fhc_pool_free)> pool(fhc_pool_new(n_threads), fhc_pool_free);
    out.ok = fhc_calibrate(h.weight, h.cluster, h.n_clusters, hidden, params, pool.get(), &out.result, &out.error);
    check(!out.ok || (!falls && last > 0.999), "progress went back or ended at %f", last);
    return out;
}

// What the runtime has of a head, by its own functions: the estimates of x for every token.
struct runtime {
    flash_head_map       map;
    std::vector<uint8_t> centroids, sketch;
    std::vector<float>   activations;
    enum ggml_type       type;

    runtime(const head & h, const fhc_directions & directions, int32_t rank, enum ggml_type type) : type(type) {
        const fhc_tensor_info & info = h.weight.info;
        map.n_cluster = h.n_clusters;
        map.cluster.assign(h.cluster.begin(), h.cluster.end());
        map.offsets = { 0 };
        for (int64_t c = 0; c < h.n_clusters; c++) {
            for (int64_t v = 0; v < info.n_rows; v++) {
                if (h.cluster[v] == c) {
                    map.tokens.push_back((int32_t) v);
                }
            }
            map.offsets.push_back((int32_t) map.tokens.size());
        }
        centroids.resize(h.n_clusters*ggml_row_size(type, info.n_cols));
        flash_head_build_centroids(map, h.weight.data.data, FLASH_HEAD_BY_TOKEN, info.type, info.n_cols, type, centroids.data(), 1);
        map.rank = rank;
        if (rank > 0) {
            map.sketch_rows        = directions.rows;
            map.sketch_activations = directions.activations;
            sketch.resize(flash_head_sketch_n_groups(info.n_rows)*flash_head_sketch_group_size(rank));
            flash_head_build_sketch(map, h.weight.data.data, FLASH_HEAD_BY_TOKEN, info.type, info.n_cols, type, centroids.data(), sketch.data(), 1);
            activations.resize(rank*info.n_cols);
            flash_head_transpose(directions.activations, rank, activations.data());
        }
    }

    std::vector<double> estimate(const float * x, int64_t d) const {
        std::vector<double> out(map.tokens.size());
        std::vector<float>  row(d), part(map.tokens.size(), 0.0f);
        if (map.rank > 0) {
            flash_head_code code;
            flash_head_sketch_encode(activations.data(), map.rank, x, d, &code);
            flash_head_sketch_estimate(sketch.data(), map.rank, &code, 0, (int64_t) part.size(), part.data());
        }
        for (int64_t c = 0; c < map.n_cluster; c++) {
            fhc_row_get(centroids.data(), type, d, c, row.data());
            for (int32_t pos = map.offsets[c]; pos < map.offsets[c + 1]; pos++) {
                out[map.tokens[pos]] = dot(row.data(), x, d) + part[pos];
            }
        }
        return out;
    }
};

// Checks records against sorting: the best tokens, and for each a rank that roundings of at most slack can give it; with no slack,
// the lower token goes first.
static void check_records(const head & h, const fhc_matrix & hidden, const outcome & out, int32_t rank, enum ggml_type type, double slack, const char * what) {
    if (!check(out.ok, "%s: %s", what, out.error.c_str())) {
        return;
    }
    const fhc_tensor_info & info = h.weight.info;
    const int64_t V = info.n_rows, d = info.n_cols, n_best = std::min<int64_t>(40, V);
    if (!check((int64_t) out.result.records.size() == hidden.n_rows*n_best*2, "%s: %zu numbers", what, out.result.records.size())) {
        return;
    }
    const runtime run(h, out.result.directions, rank, type);
    std::vector<float>    row(d);
    std::vector<double>   logits(V);
    std::vector<uint32_t> order(V);
    int64_t wrong_tokens = 0, wrong_ranks = 0;
    for (int64_t i = 0; i < hidden.n_rows; i++) {
        for (int64_t v = 0; v < V; v++) {
            h.weight.get(v, row.data());
            logits[v] = dot(row.data(), hidden.row(i), d);
            order [v] = (uint32_t) v;
        }
        std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return logits[a] > logits[b]; });
        const std::vector<double> e = run.estimate(hidden.row(i), d);
        for (int64_t k = 0; k < n_best; k++) {
            const uint32_t * record = &out.result.records[(i*n_best + k)*2];
            wrong_tokens += slack > 0.0 ? record[0] >= V || std::fabs(logits[record[0]] - logits[order[k]]) > slack : record[0] != order[k];
            if (record[0] >= V) {
                continue;
            }
            int64_t least = 1, most = 1;
            for (int64_t v = 0; v < V; v++) {
                const double more  = e[v] - e[record[0]];
                const bool   other = v != record[0];
                const bool   tie   = slack == 0.0 && more == 0.0 && v < record[0];
                least += other && (more >  slack || tie);
                most  += other && (more > -slack || tie);
            }
            wrong_ranks += record[1] < least || record[1] > most;
        }
    }
    check(wrong_tokens == 0, "%s: %lld of the best tokens are others", what, (long long) wrong_tokens);
    check(wrong_ranks  == 0, "%s: %lld ranks are wrong", what, (long long) wrong_ranks);
}

static void test_records() {
    printf("records: against sorting, weights and centroids of several types, with and without a sketch\n");
    const struct { enum ggml_type weight, centroid; int32_t rank; int64_t V, d, K, n; } cases[] = {
        { GGML_TYPE_F32,  GGML_TYPE_F32,   0, 300,    64,  20, 150 },
        { GGML_TYPE_Q8_0, GGML_TYPE_Q4_0,  0, 1000,   64,  70, 150 },
        { GGML_TYPE_Q8_0, GGML_TYPE_Q4_0,  8, 1000,   64,  70, 150 },
        { GGML_TYPE_Q6_K, GGML_TYPE_Q4_0, 16, 2053,  256, 100, 150 },
        { GGML_TYPE_F16,  GGML_TYPE_F16,  24, 777,    40,  33, 150 },
        { GGML_TYPE_Q8_0, GGML_TYPE_Q4_0,  8, 4200, 2048,  33,   5 },    // more than is dequantised at a time
    };
    for (const auto & c : cases) {
        head h;
        fhc_matrix hidden;
        set_head(&h, c.weight, c.V, c.d, c.K, 20, 10);
        fill_hidden(&hidden, c.n, c.d, 11);
        char what[100];
        snprintf(what, sizeof(what), "%s, %s centroids, rank %d", ggml_type_name(c.weight), ggml_type_name(c.centroid), c.rank);
        check_records(h, hidden, calibrate(h, hidden, c.n/2, c.rank, c.centroid), c.rank, c.centroid, 1e-4, what);
    }

    // small whole numbers, clusters of 1, 2 and 4 rows: every product is exact, and many are equal
    head h;
    h.n_clusters = 70;
    for (uint32_t c = 0; c < 70; c++) {
        for (int i = 0; i < 1 << c % 3; i++) {
            h.cluster.push_back(69 - c);
        }
    }
    random_numbers random = { 12 };
    fhc_matrix x, hidden;
    fhc_matrix_init(&x, h.cluster.size(), 32);
    fhc_matrix_init(&hidden, 130, 32);
    for (fhc_matrix * m : { &x, &hidden }) {
        for (int64_t i = 0; i < m->n_rows; i++) {
            for (int64_t k = 0; k < 32; k++) {
                m->row(i)[k] = (float) (random.next() % 3) - 1.0f;
            }
        }
    }
    set_weight(&h.weight, GGML_TYPE_F32, x);
    check_records(h, hidden, calibrate(h, hidden, 130, 0, GGML_TYPE_F32), 0, GGML_TYPE_F32, 0.0, "ties");
}

static void test_low_rank() {
    printf("low rank: residuals of 8 directions are recovered by a sketch of rank 8\n");
    const int64_t V = 1500, d = 96, K = 90;
    head h;
    fhc_matrix hidden;
    set_head(&h, GGML_TYPE_F32, V, d, K, 8, 20);
    fill_hidden(&hidden, 200, d, 21);
    const outcome with = calibrate(h, hidden, 128, 8, GGML_TYPE_F32), without = calibrate(h, hidden, 128, 0, GGML_TYPE_F32);
    if (!check(with.ok && without.ok, "%s%s", with.error.c_str(), without.error.c_str())) {
        return;
    }
    check(with.result.directions.kept > 0.9999, "kept %f", with.result.directions.kept);
    check(without.result.directions.rows.empty() && without.result.directions.activations.empty(), "directions without a sketch");

    const runtime run(h, with.result.directions, 8, GGML_TYPE_F32), plain(h, with.result.directions, 0, GGML_TYPE_F32);
    std::vector<float> row(d), centroid(d);
    double exact = 0.0, rounded = 0.0, residual = 0.0;
    for (int64_t i = 128; i < 200; i++) {    // states that were not fitted to
        const float * x = hidden.row(i);
        const std::vector<double> e = run.estimate(x, d), scores = plain.estimate(x, d);
        for (int64_t v = 0; v < V; v++) {
            h.weight.get(v, row.data());
            fhc_row_get(run.centroids.data(), GGML_TYPE_F32, d, h.cluster[v], centroid.data());
            const double logit = dot(row.data(), x, d);
            double estimate = scores[v];
            for (int64_t j = 0; j < 8; j++) {
                const float * direction = &with.result.directions.rows[j*d];
                estimate += (dot(row.data(), direction, d) - dot(centroid.data(), direction, d))*dot(&with.result.directions.activations[j*d], x, d);
            }
            exact    += (estimate - logit)*(estimate - logit);
            rounded  += (e[v]     - logit)*(e[v]     - logit);
            residual += (scores[v] - logit)*(scores[v] - logit);
        }
    }
    check(exact   < 1e-8*residual, "before rounding the estimates miss %g of the residuals", std::sqrt(exact/residual));
    check(rounded < 0.01*residual, "after rounding the estimates miss %g of the residuals",  std::sqrt(rounded/residual));    // 1/16 of the largest of 8, squared

    double required_with = 0.0, required_without = 0.0;
    for (size_t i = 1; i < with.result.records.size(); i += 2) {
        required_with    += with   .result.records[i];
        required_without += without.result.records[i];
    }
    check(required_with < 0.3*required_without, "mean required rank %.1f with the sketch, %.1f without", required_with/8000, required_without/8000);
}

static bool finite(const std::vector<float> & x) {
    return std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); });
}

static void test_threads() {
    printf("threads: 1, 2 and 3 give the same bytes\n");
    head h;
    fhc_matrix hidden;
    set_head(&h, GGML_TYPE_Q8_0, 3000, 320, 190, 30, 30);
    fill_hidden(&hidden, 300, 320, 31);
    const outcome one = calibrate(h, hidden, 250, 16, GGML_TYPE_Q4_0, 1);
    for (int n_threads : { 1, 2, 3 }) {
        const outcome more = calibrate(h, hidden, 250, 16, GGML_TYPE_Q4_0, n_threads);
        check(one.ok && more.ok && one.result.directions.rows == more.result.directions.rows
            && one.result.directions.activations == more.result.directions.activations
            && one.result.directions.kept == more.result.directions.kept
            && one.result.records == more.result.records, "%d threads differ", n_threads);
    }
    const outcome fewer = calibrate(h, hidden, 249, 16);
    check(fewer.ok && fewer.result.directions.rows != one.result.directions.rows, "the number of rows to fit to has no effect");
}

static void test_degenerate() {
    printf("degenerate: no residuals, one state, states of zeros, constant rows, few rows and columns, numbers that are too large\n");
    head h;
    fhc_matrix hidden, x;
    const auto sound = [&](const char * what, int64_t fit, int32_t rank, enum ggml_type type, double slack) {
        const outcome out = calibrate(h, hidden, fit, rank, type);
        check(out.ok && (int64_t) out.result.directions.rows.size() == rank*h.weight.info.n_cols
            && (int64_t) out.result.directions.activations.size() == rank*h.weight.info.n_cols, "%s: %s", what, out.error.c_str());
        check(finite(out.result.directions.rows) && finite(out.result.directions.activations), "%s: directions are not finite", what);
        check(out.result.directions.kept >= 0.0 && out.result.directions.kept <= 1.0, "%s: kept %f", what, out.result.directions.kept);
        check_records(h, hidden, out, rank, type, slack, what);
        return out;
    };
    const auto zeros = [](const outcome & out) {
        const std::vector<float> & rows = out.result.directions.rows;
        return std::all_of(rows.begin(), rows.end(), [](float v) { return v == 0.0f; });
    };

    fill_hidden(&hidden, 70, 64, 40);
    set_head(&h, GGML_TYPE_F32, 100, 64, 100, 10, 41);    // a cluster for every row
    outcome out = sound("no residuals", 70, 8, GGML_TYPE_F32, 1e-4);
    check(zeros(out) && out.result.directions.kept == 1.0, "no residuals: there are directions, kept %f", out.result.directions.kept);

    set_head(&h, GGML_TYPE_Q8_0, 900, 64, 60, 10, 42);
    sound("fewer states than columns", 20, 16, GGML_TYPE_Q4_0, 1e-4);
    sound("one state to fit to", 1, 8, GGML_TYPE_Q4_0, 1e-4);
    fill_hidden(&hidden, 1, 64, 43);
    sound("one state", 1, 8, GGML_TYPE_Q4_0, 1e-4);
    fhc_matrix_init(&hidden, 40, 64);
    sound("states of zeros", 40, 8, GGML_TYPE_Q4_0, 0.0);

    fill_hidden(&hidden, 70, 64, 44);
    fhc_matrix_init(&x, 900, 64);
    for (int64_t i = 0; i < 900; i++) {
        std::fill(x.row(i), x.row(i) + 64, 0.25f);
    }
    set_weight(&h.weight, GGML_TYPE_F32, x);
    out = sound("constant rows", 70, 8, GGML_TYPE_F32, 1e-3);
    check(zeros(out), "constant rows: there are directions");
    fhc_matrix_init(&x, 900, 64);
    set_weight(&h.weight, GGML_TYPE_F32, x);
    out = sound("rows of zeros", 70, 8, GGML_TYPE_Q4_0, 0.0);
    check(zeros(out), "rows of zeros: there are directions");

    set_head(&h, GGML_TYPE_Q8_0, 33, 64, 4, 10, 45);
    sound("fewer rows than a record", 70, 8, GGML_TYPE_Q4_0, 1e-4);
    set_head(&h, GGML_TYPE_F32, 2, 64, 2, 10, 46);
    sound("two rows", 70, 64, GGML_TYPE_Q4_0, 1e-4);
    fill_hidden(&hidden, 70, 33, 47);
    set_head(&h, GGML_TYPE_F16, 500, 33, 31, 10, 48);
    sound("33 columns, rank 64", 70, 64, GGML_TYPE_F16, 1e-4);
    set_head(&h, GGML_TYPE_F32, 500, 33, 1, 10, 49);
    sound("one cluster", 70, 8, GGML_TYPE_F32, 1e-4);

    for (float scale : { 1e-30f, 1e-12f, 1e12f }) {    // their squares leave the range of floats
        set_head(&h, GGML_TYPE_F32, 500, 33, 31, 10, 50);
        fill_hidden(&hidden, 70, 33, 51);
        for (int64_t i = 0; i < 500*33; i++) {
            ((float *) h.weight.data.data)[i] *= scale;
        }
        h.weight.most *= scale;
        for (int64_t i = 0; i < 70; i++) {
            for (int64_t k = 0; k < 33; k++) {
                hidden.row(i)[k] /= scale;
            }
        }
        char what[50];
        snprintf(what, sizeof(what), "weights around %g", 0.1*scale);
        out = sound(what, 70, 16, GGML_TYPE_F32, 1e-4);
        check(out.result.directions.kept > 0.5, "%s: kept %f", what, out.result.directions.kept);
    }
    for (int64_t i = 0; i < 500*33; i++) {
        ((float *) h.weight.data.data)[i] *= 1e20f;
    }
    for (int64_t k = 0; k < 33; k++) {
        hidden.row(5)[k] = 1e20f;
    }
    out = calibrate(h, hidden, 70, 0, GGML_TYPE_F32);
    check(!out.ok && out.error.find("the logits of hidden state 5 are not finite") != std::string::npos, "logits beyond floats: %s", out.error.c_str());

    fhc_matrix_init(&x, 900, 64);
    x.row(7)[3] = 1e9f;
    set_weight(&h.weight, GGML_TYPE_F32, x);
    set_clusters(&h, 900, 60, 52);
    fill_hidden(&hidden, 70, 64, 53);
    out = calibrate(h, hidden, 70, 8, GGML_TYPE_Q4_0);
    check(!out.ok && out.error.find("rows too large for centroids of type q4_0") != std::string::npos, "centroids beyond their type: %s", out.error.c_str());
}

int main() {
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr);
    machine on;
    test_moment(on);
    test_cholesky(on);
    test_jacobi();
    test_subspace();
    test_directions(on);
    test_records();
    test_low_rank();
    test_threads();
    test_degenerate();
    return check.finish();
}
