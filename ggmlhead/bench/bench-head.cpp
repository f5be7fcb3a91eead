#include "bench-head.h"

#include "flash-head-basis.h"
#include "flash-head-centroids.h"
#include "flash-head-pages.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>

static const int64_t N_TILE     = 256; // rows of the weight that differ
static const size_t  GRAPH_SIZE = 32;

template <typename F> static F * cpu_function(ggml_backend_t backend, const char * name) {
    void * f = ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(ggml_backend_get_device(backend)), name);
    if (f == nullptr) {
        throw std::runtime_error(std::string("the CPU backend has no ") + name);
    }
    return (F *) f;
}

bench_backend::bench_backend(int n_threads) {
    backend = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr);
    if (backend == nullptr) {
        throw std::runtime_error("no CPU backend");
    }
    free_pool = cpu_function<decltype(ggml_threadpool_free)>(backend, "ggml_threadpool_free");
    const ggml_threadpool_params params = ggml_threadpool_params_default(n_threads);
    pool = cpu_function<decltype(ggml_threadpool_new)>(backend,
            "ggml_threadpool_new")(const_cast<ggml_threadpool_params *>(&params));
    cpu_function<decltype(ggml_backend_cpu_set_n_threads)> (backend, "ggml_backend_set_n_threads")(backend, n_threads);
    cpu_function<decltype(ggml_backend_cpu_set_threadpool)>(backend, "ggml_backend_cpu_set_threadpool")(backend, pool);
}

bench_backend::~bench_backend() {
    ggml_backend_free(backend);
    free_pool(pool);
}

// n random numbers of variance 1
static std::vector<float> random_numbers(int64_t n, uint64_t seed) {
    std::mt19937_64 rng(seed);
    std::vector<float> out(n);
    for (float & f : out) {
        f = ((rng() >> 40)/(float) (1 << 24) - 0.5f)*sqrtf(12.0f);
    }
    return out;
}

static std::vector<uint8_t> random_rows(ggml_type type, int64_t n_rows, int64_t n_embd, uint64_t seed) {
    const std::vector<float> values = random_numbers(n_rows*n_embd, seed);
    const std::vector<float> importance(n_embd, 1.0f); // some types need it
    std::vector<uint8_t> rows(n_rows*ggml_row_size(type, n_embd));
    ggml_quantize_chunk(type, values.data(), rows.data(), 0, n_rows, n_embd, importance.data());
    return rows;
}

// Fills t with copies of N_TILE random rows.
static void fill_rows(ggml_tensor * t, uint64_t seed) {
    const std::vector<uint8_t> rows = random_rows(t->type, N_TILE, t->ne[0], seed);
    for (int64_t r = 0; r < t->ne[1]; r += N_TILE) {
        ggml_backend_tensor_set(t, rows.data(), r*t->nb[1], std::min(N_TILE, t->ne[1] - r)*t->nb[1]);
    }
}

static void set_list(ggml_tensor * t, const std::vector<int32_t> & values) {
    ggml_backend_tensor_set(t, values.data(), 0, ggml_nbytes(t));
}

// The number of directions for coarse_bits, at two bits each.
static int32_t n_directions(const bench_shape & shape) {
    return GGML_PAD(shape.coarse_bits/2, 8);
}

// The standard deviation of activations. Scores of centroids have one of sqrt(D) times that. The coarse code adds two
// bits, of variance 1.25, for each direction of length 1.
static float size_of_activations(const bench_shape & shape) {
    return shape.coarse_bits == 0 ? 1.0f
            : 4.5f/sqrtf((float) shape.n_embd + 1.25f*0.5f*(float) shape.coarse_bits);
}

// Random codes with scales of 1. Lines have two bits per column as far as possible.
void bench_head::fill_codes() {
    const int64_t D = shape.n_embd, V = shape.n_vocab;
    const int32_t n = n_directions(shape), n_slots = flash_head_fine_max_slots(shape.fine_bytes);
    std::mt19937_64 rng(4);
    auto random_bytes = [&](const ggml_tensor * t) {
        std::vector<uint64_t> values(ggml_nbytes(t)/sizeof(uint64_t) + 1);
        for (uint64_t & value : values) {
            value = rng();
        }
        const uint8_t * bytes = (const uint8_t *) values.data();
        return std::vector<uint8_t>(bytes, bytes + ggml_nbytes(t));
    };
    const uint16_t one = 0x3f80; // BF16
    std::vector<uint8_t> coarse = random_bytes(sources.coarse);
    for (int64_t g = 0; g < sources.coarse->ne[1]; g++) {
        for (int t = 0; t < FLASH_HEAD_COARSE_GROUP; t++) {
            memcpy(coarse.data() + g*sources.coarse->nb[1] + t*sizeof(one), &one, sizeof(one));
        }
    }
    std::vector<uint8_t> fine = random_bytes(sources.fine);
    for (int64_t v = 0; v < V; v++) {
        memcpy(fine.data() + V*shape.fine_bytes + v*sizeof(one), &one, sizeof(one));
    }
    if (ggml_backend_buffer_is_host(buffer.get())) {
        flash_head_advise_huge_pages(sources.fine->data, ggml_nbytes(sources.fine));
    }
    ggml_backend_tensor_set(sources.coarse, coarse.data(), 0, coarse.size());
    ggml_backend_tensor_set(sources.fine,   fine.data(),   0, fine.size());

    std::vector<float> values(ggml_nelements(sources.basis));
    const auto basis = flash_head_basis_at(values.data(), D, n, shape.fine_bytes);
    const int32_t n_lines = shape.fine_bytes/FLASH_HEAD_FINE_LINE;
    basis.n_lines[1] = (float) std::min<int64_t>(n_lines, std::max<int64_t>(0, D/128 - (n_lines < D/128 ? 1 : 0)));
    basis.n_lines[2] = n_lines - basis.n_lines[1];
    for (int32_t j = 0; j < n; j++) {
        basis.bits[j] = 2*j < shape.coarse_bits ? 2 : 0;
    }
    const std::vector<float> directions = random_numbers(D*n, 5);
    for (int64_t i = 0; i < D*n; i++) {
        basis.projection[i] = directions[i]/sqrtf((float) D);
    }
    const float square = size_of_activations(shape)*size_of_activations(shape);
    std::fill_n(basis.variances,     D, shape.error/(square*(float) D));
    std::fill_n(basis.variances + D, D, shape.error/(square*(float) D)/4);
    for (int32_t i = 0; i < n_slots; i++) {
        basis.columns[i] = i < D ? (float) i : -1.0f;
        basis.steps  [i] = i < D ? 0.05f : 0.0f;
    }
    ggml_backend_tensor_set(sources.basis, values.data(), 0, ggml_nbytes(sources.basis));
}

bench_head::bench_head(const bench_shape & s, int64_t n_rows, ggml_backend_t backend)
    : shape(s), n_cluster((s.n_vocab + s.cluster_size - 1)/s.cluster_size) {
    const int64_t D = s.n_embd, V = s.n_vocab, K = n_cluster;

    ctx.reset(ggml_init({ GGML_MAX_SRC*ggml_tensor_overhead(), nullptr, true }));
    ggml_flash_head_shape of_op = {};
    of_op.weight_type   = s.type;
    of_op.centroid_type = s.centroid_type;
    of_op.n_embd        = D;
    of_op.n_vocab       = V;
    of_op.n_cluster     = K;
    of_op.n_directions  = n_directions(s);
    of_op.coarse_bits   = s.coarse_bits;
    of_op.fine_bytes    = s.fine_bytes;
    of_op.grouped       = grouped();
    of_op.ordered       = s.ordered;
    weight  = ggml_new_tensor_2d(ctx.get(), s.type, D, V);
    sources = ggml_flash_head_new_sources(ctx.get(), &of_op);
    buffer.reset(ggml_backend_alloc_ctx_tensors(ctx.get(), backend));
    if (!buffer) {
        throw std::runtime_error("not enough memory for a head of this size");
    }

    std::vector<int32_t> tokens(V), offsets(K + 1), places(2*V);
    for (int64_t v = 0; v < V; v++) {
        tokens[v] = (int32_t) v;
    }
    std::shuffle(tokens.begin(), tokens.end(), std::mt19937(1));
    for (int64_t c = 0; c <= K; c++) {
        offsets[c] = (int32_t) (c*V/K);
    }
    for (int64_t c = 0; c < K; c++) {
        std::sort(tokens.begin() + offsets[c], tokens.begin() + offsets[c + 1]);
        for (int32_t pos = offsets[c]; pos < offsets[c + 1]; pos++) {
            places[tokens[pos]]     = (int32_t) c;
            places[V + tokens[pos]] = pos;
        }
    }
    set_list(sources.tokens,  tokens);
    set_list(sources.offsets, offsets);
    set_list(sources.places,  places);

    fill_rows(weight, 2);
    if (sources.ordered) {
        flash_head_advise_huge_pages(sources.ordered->data, ggml_nbytes(sources.ordered)); // as when a model is loaded
        fill_rows(sources.ordered, 2);
    }
    const std::vector<uint8_t> centroids = centroid_rows();
    if (grouped()) {
        flash_head_centroids_group(centroids.data(), K, D, sources.centroids->data);
    } else {
        ggml_backend_tensor_set(sources.centroids, centroids.data(), 0, centroids.size());
    }
    if (s.coarse_bits > 0) {
        fill_codes();
    }

    allocator.reset(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend)));
    ctx_compute.reset(ggml_init({ 2*ggml_tensor_overhead(), nullptr, true }));
    x = ggml_new_tensor_2d(ctx_compute.get(), GGML_TYPE_F32, D, n_rows);
    logits = ggml_new_tensor_2d(ctx_compute.get(), GGML_TYPE_F32, V, n_rows);
    buffer_compute.reset(ggml_backend_alloc_ctx_tensors(ctx_compute.get(), backend));
    std::vector<float> values = random_numbers(D*n_rows, 6);
    for (float & value : values) {
        value *= size_of_activations(s);
    }
    ggml_backend_tensor_set(x, values.data(), 0, ggml_nbytes(x));
}

// All centroids differ, so that few scores are equal.
std::vector<uint8_t> bench_head::centroid_rows() const {
    return random_rows(shape.centroid_type, n_cluster, shape.n_embd, 3);
}

// Seconds for computing node into logits.
double bench_head::time_of(ggml_backend_t backend, ggml_context * c, ggml_tensor * node) {
    node->data   = logits->data;
    node->buffer = logits->buffer;
    ggml_cgraph * graph = ggml_new_graph_custom(c, GRAPH_SIZE, false);
    ggml_build_forward_expand(graph, node);
    if (!ggml_gallocr_alloc_graph(allocator.get(), graph)) { // for intermediate results; kept for the next run
        throw std::runtime_error("not enough memory for intermediate results");
    }

    // wake the threads: while a model decodes they are awake
    ggml_tensor * small = ggml_mul_mat(c, ggml_view_2d(c, weight, shape.n_embd, N_TILE, weight->nb[1], 0), x);
    small->data   = logits->data;
    small->buffer = logits->buffer;
    ggml_cgraph * wake = ggml_new_graph_custom(c, GRAPH_SIZE, false);
    ggml_build_forward_expand(wake, small);
    ggml_backend_graph_compute(backend, wake);

    const auto begin = std::chrono::steady_clock::now();
    const ggml_status status = ggml_backend_graph_compute(backend, graph);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (status != GGML_STATUS_SUCCESS) {
        throw std::runtime_error("the CPU backend failed");
    }
    return took.count();
}

static ggml_context_ptr new_context() {
    return ggml_context_ptr(ggml_init({ GRAPH_SIZE*ggml_tensor_overhead()
            + 2*ggml_graph_overhead_custom(GRAPH_SIZE, false), nullptr, true }));
}

ggml_tensor * bench_head::dense(ggml_context * c) const {
    return ggml_mul_mat(c, weight, x);
}

ggml_tensor * bench_head::op(ggml_context * c, int32_t n_probe) const {
    const ggml_flash_head_params params = { n_probe, GGML_FLASH_HEAD_TOP, 1.0f, 0, grouped(),
            (int32_t) shape.n_near, n_directions(shape), shape.tolerance, 0 };
    return ggml_flash_head(c, weight, x, &sources, &params);
}

double bench_head::run_dense(ggml_backend_t backend) {
    const ggml_context_ptr c = new_context();
    return time_of(backend, c.get(), dense(c.get()));
}

double bench_head::run_op(ggml_backend_t backend, int32_t n_probe) {
    const ggml_context_ptr c = new_context();
    ggml_tensor * node = op(c.get(), n_probe);
    ggml_flash_head_set_totals(node, &totals);
    return time_of(backend, c.get(), node);
}

double bench_head::dense_bytes() const {
    return (double) ggml_nbytes(weight);
}

double bench_head::op_bytes(double n_near, double n_scored) const {
    double codes = 0.0;
    if (shape.coarse_bits > 0) {
        codes = (double) ggml_nbytes(sources.coarse) + (double) ggml_nbytes(sources.basis)
              + n_near*(double) sources.fine->ne[0];
    }
    return (double) ggml_nbytes(sources.centroids) + codes + dense_bytes()*n_scored/(double) shape.n_vocab;
}
