#include "bench-device.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>

static const double MORE_THAN_CACHES = 256e6; // bytes that the op reads of all heads together
static const size_t MAX_HEADS        = 16;
static const int    N_WARM           = 4;     // warm-up runs, for backends that capture graphs

typedef std::vector<std::unique_ptr<bench_head>> bench_heads;

// A graph with one product for each head, ready to run.
struct bench_graph {
    ggml_context_ptr ctx;
    ggml_gallocr_ptr allocator;
    ggml_cgraph    * graph;
    ggml_backend_t   backend;

    template <typename F> bench_graph(ggml_backend_t backend, const bench_heads & heads, const F & product)
            : backend(backend) {
        const size_t n_tensors = 16*heads.size();
        ctx.reset(ggml_init({ n_tensors*ggml_tensor_overhead() + ggml_graph_overhead_custom(n_tensors, false), nullptr,
                true }));
        graph = ggml_new_graph_custom(ctx.get(), n_tensors, false);
        for (const auto & head : heads) {
            ggml_tensor * node = product(*head, ctx.get());
            ggml_set_output(node); // each keeps its own memory
            ggml_build_forward_expand(graph, node);
        }
        allocator.reset(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend)));
        if (!ggml_gallocr_alloc_graph(allocator.get(), graph)) {
            throw std::runtime_error("not enough device memory for the results");
        }
        for (int i = 0; i < N_WARM; i++) {
            run();
        }
    }

    // seconds
    double run() {
        const auto begin = std::chrono::steady_clock::now();
        if (ggml_backend_graph_compute(backend, graph) != GGML_STATUS_SUCCESS) {
            throw std::runtime_error("the device failed to compute the graph");
        }
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        return took.count();
    }
};

static size_t n_heads(const bench_head & first, double op_bytes, ggml_backend_dev_t device) {
    size_t free, total;
    ggml_backend_dev_memory(device, &free, &total);
    const size_t wanted = (size_t) (MORE_THAN_CACHES/op_bytes) + 1;
    const size_t fit    = 1 + (size_t) (0.8*free/(first.dense_bytes() + op_bytes));
    return std::min(std::min(wanted, fit), MAX_HEADS);
}

void bench_device(const std::string & name, bench_shape shape, int64_t n_probe, int64_t n_rows, int64_t n_rounds) {
    ggml_backend_dev_t device = ggml_backend_dev_by_name(name.c_str());
    ggml_backend_ptr   backend(device ? ggml_backend_dev_init(device, nullptr) : nullptr);
    if (!backend) {
        throw std::runtime_error("no device " + name);
    }
    shape.ordered = false; // only the CPU supports these
    shape.grouped = false;
    bench_heads heads;
    heads.emplace_back(new bench_head(shape, n_rows, backend.get()));
    const int64_t n_cluster = heads[0]->n_cluster;
    const int32_t p = (int32_t) (n_probe ? n_probe : std::max<int64_t>(1, n_cluster/16));

    ggml_context_ptr c(ggml_init({ 4*ggml_tensor_overhead(), nullptr, true }));
    if (!ggml_backend_dev_supports_op(device, heads[0]->op(c.get(), p))) {
        throw std::runtime_error(name + " does not support the op for this head");
    }
    const double op_bytes = heads[0]->op_bytes((double) shape.n_near, heads[0]->n_exact(p)); // without a tolerance
    for (size_t n = n_heads(*heads[0], op_bytes, device); heads.size() < n; ) {
        heads.emplace_back(new bench_head(shape, n_rows, backend.get()));
    }
    bench_graph dense(backend.get(), heads, [] (const bench_head & h, ggml_context * ctx) { return h.dense(ctx); });
    bench_graph flash(backend.get(), heads, [=](const bench_head & h, ggml_context * ctx) { return h.op(ctx, p); });

    std::vector<double> dense_times, flash_times, ratios;
    for (int64_t i = 0; i < n_rounds; i++) {
        dense_times.push_back(dense.run()/heads.size());
        flash_times.push_back(flash.run()/heads.size());
        ratios.push_back(dense_times.back()/flash_times.back());
    }
    const double d = bench_median(dense_times), f = bench_median(flash_times);
    printf("%s, %s; %lld x %lld %s, %lld clusters, P %d, %lld row%s, %zu heads in turn\n", name.c_str(),
            ggml_backend_dev_description(device),
            (long long) shape.n_vocab, (long long) shape.n_embd, ggml_type_name(shape.type), (long long) n_cluster,
            p, (long long) n_rows, n_rows == 1 ? "" : "s", heads.size());
    printf("  dense      %8.1f us   %5.1f GB/s\n", d*1e6, heads[0]->dense_bytes()/d/1e9);
    printf("  FlashHead  %8.1f us   %5.1f GB/s%s\n", f*1e6, op_bytes/f/1e9,
            n_rows > 1 ? ", counted for one row" : "");
    printf("  ratio      %8.2f x    (%.2f to %.2f)\n", bench_median(ratios),
            *std::min_element(ratios.begin(), ratios.end()),
            *std::max_element(ratios.begin(), ratios.end()));
}
