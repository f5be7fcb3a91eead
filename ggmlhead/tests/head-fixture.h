#pragma once

// A small head with random weights and clusters for testing the FLASH_HEAD op.

#include "codes-fixture.h"
#include "draws.h"
#include "flash-head-centroids.h"
#include "flash-head-totals.h"
#include "ggml-backend.h"
#include "ggml-cpp.h"
#include "ggml-flash-head.h"
#include "ggml.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <math.h>
#include <random>
#include <vector>

// nodes, and leaves, of a graph with the op and its sources; small because a test builds thousands
static const size_t GRAPH_SIZE = 16;

struct head_shape {
    int64_t   n_embd;
    int64_t   n_vocab;
    int64_t   n_cluster;
    ggml_type type;          // of the weight
    ggml_type centroid_type;
    int64_t   n_pinned = 0;
    bool      equal    = true; // clusters of equal size, else of 1 to many tokens
    bool      ordered  = true; // with the cluster-ordered copy
    float     spread   = 1.0f; // of the weights; 0 makes all rows equal
    bool      codes    = false; // random ones; then there is no ordered copy
    bool      grouped  = false; // centroids in groups
    const codes_shape * of_codes = nullptr; // if it has codes; NULL: some
};

// Converts row-major values [rows][n_embd] to a type.
inline std::vector<uint8_t> to_type(ggml_type type, const std::vector<float> & values, int64_t n_embd) {
    const int64_t rows = values.size()/n_embd;
    std::vector<uint8_t> out(rows*ggml_row_size(type, n_embd));
    const std::vector<float> importance(n_embd, 1.0f); // some types need it
    ggml_quantize_chunk(type, values.data(), out.data(), 0, rows, n_embd, importance.data());
    return out;
}

// Converts n values of a type to floats.
inline std::vector<float> to_floats(ggml_type type, const std::vector<uint8_t> & data, int64_t n) {
    std::vector<float> out(n);
    const ggml_to_float_t to_float = ggml_get_type_traits(type)->to_float;
    if (to_float) {
        to_float(data.data(), out.data(), n);
    } else {
        std::copy_n((const float *) data.data(), n, out.data());
    }
    return out;
}

// Computes graphs with the op: a backend, or a test's replacement for one.
struct op_device {
    ggml_backend_t                           backend;  // tensors are in its memory
    std::function<bool(const ggml_tensor *)> supports;
    std::function<void(ggml_cgraph *)>       compute;

    op_device(ggml_backend_t backend)
        : backend(backend),
          supports([=](const ggml_tensor * node) { return ggml_backend_supports_op(backend, node); }),
          compute([=](ggml_cgraph * graph) { ggml_backend_graph_compute(backend, graph); }) {}

    // The same, but cpu computes dense products, in memory that it can read.
    op_device with_dense_of(ggml_backend_t cpu) const {
        op_device both = *this;
        both.supports = [own = supports, cpu](const ggml_tensor * node) {
            return node->op == GGML_OP_MUL_MAT ? ggml_backend_supports_op(cpu, node) : own(node);
        };
        both.compute = [own = compute, cpu](ggml_cgraph * graph) {
            ggml_graph_node(graph, -1)->op == GGML_OP_MUL_MAT ? (void) ggml_backend_graph_compute(cpu, graph)
                : own(graph);
        };
        return both;
    }
};

struct head_fixture {
    head_shape shape;

    std::vector<float>   weight;    // [V][D], as dequantised from the type
    std::vector<float>   centroids; // [K][D], as dequantised from the type
    std::vector<int32_t> cluster, tokens, position, offsets, pinned;

    std::unique_ptr<codes_fixture> codes; // null without codes

    ggml_tensor * weight_tensor = nullptr;
    ggml_flash_head_sources sources = {};

    ggml_context_ptr        ctx;
    ggml_backend_buffer_ptr buffer;

    head_fixture(const head_shape & shape, ggml_backend_t backend, uint32_t seed = 1) : shape(shape) {
        std::mt19937 rng(seed);
        make_clusters(rng);

        std::normal_distribution<float> normal;
        std::vector<float> values(shape.n_vocab*shape.n_embd);
        std::vector<float> common(shape.n_embd);
        for (float & v : common) { v = normal(rng); }
        for (int64_t i = 0; i < (int64_t) values.size(); i++) {
            values[i] = common[i % shape.n_embd]*(1.0f - shape.spread) + shape.spread*normal(rng);
        }
        const std::vector<uint8_t> rows = to_type(shape.type, values, shape.n_embd);
        weight = to_floats(shape.type, rows, values.size());

        const std::vector<uint8_t> means = to_type(shape.centroid_type, mean_rows(), shape.n_embd);
        centroids = to_floats(shape.centroid_type, means, shape.n_cluster*shape.n_embd);

        if (shape.codes) {
            this->shape.ordered = false;
            const codes_shape some = { shape.n_embd, std::vector<int>(16, 2), { 0, 1, 1 } };
            codes = std::make_unique<codes_fixture>(shape.of_codes ? *shape.of_codes : some, shape.n_vocab, seed);
        }
        make_tensors(backend, rows, means);
    }

    // a head whose logits show which clusters were drawn
    head_fixture(const draw_head & d, ggml_backend_t backend)
        : head_fixture({ draw_head::D, draw_head::V, draw_head::K, GGML_TYPE_F32, GGML_TYPE_F32, 0, true,
        /*ordered =*/ false }, backend) {
        auto set = [](ggml_tensor * t, const void * data) { ggml_backend_tensor_set(t, data, 0, ggml_nbytes(t)); };
        set(weight_tensor,     d.weight.data());
        set(sources.centroids, d.centroids.data());
        std::vector<int32_t> places = d.cluster;
        places.insert(places.end(), d.position.begin(), d.position.end());
        set(sources.places,    places.data());
        set(sources.tokens,    d.tokens.data());
        set(sources.offsets,   d.offsets.data());
    }

    // The op's logits [n_rows][V] of x [n_rows][D]. Counts are added to totals.
    std::vector<float> run(const op_device & device, const std::vector<float> & x, ggml_flash_head_params params,
            flash_head_totals * totals = nullptr) const {
        params = fitted(params);
        return compute(device, x, [&](ggml_context * c, ggml_tensor * input) {
            ggml_tensor * node = ggml_flash_head(c, weight_tensor, input, &sources, &params);
            ggml_flash_head_set_totals(node, totals);
            return node;
        });
    }

    // The logits of the dense product.
    std::vector<float> run_dense(const op_device & device, const std::vector<float> & x) const {
        return compute(device, x, [&](ggml_context * c, ggml_tensor * input) {
            return ggml_mul_mat(c, weight_tensor, input);
        });
    }

    // Whether the device supports the op for n_rows rows.
    bool supported(const op_device & device, ggml_flash_head_params params, int64_t n_rows = 1) const {
        params = fitted(params);
        ggml_context_ptr c(ggml_init({ 2*ggml_tensor_overhead(), nullptr, true }));
        return device.supports(ggml_flash_head(c.get(), weight_tensor,
                ggml_new_tensor_2d(c.get(), GGML_TYPE_F32, shape.n_embd, n_rows), &sources, &params));
    }

    // The F64 product of a [n][D] with row x [D].
    static std::vector<double> reference(const std::vector<float> & a, const float * x, int64_t n_embd) {
        std::vector<double> out(a.size()/n_embd);
        for (size_t r = 0; r < out.size(); r++) {
            for (int64_t i = 0; i < n_embd; i++) {
                out[r] += (double) a[r*n_embd + i]*x[i];
            }
        }
        return out;
    }

    // Completes params with what depends on the head.
    ggml_flash_head_params fitted(ggml_flash_head_params params) const {
        params.grouped = shape.grouped;
        if (codes) {
            params.n_directions = codes->n;
            params.n_near       = std::max<int32_t>(params.n_near, (int32_t) (shape.n_vocab/4));
        }
        return params;
    }

private:
    void make_clusters(std::mt19937 & rng) {
        const int64_t V = shape.n_vocab, K = shape.n_cluster;
        cluster.resize(V);
        for (int64_t v = 0; v < V; v++) {
            // unequal: every cluster has a token, low numbers get most of the rest
            cluster[v] = (int32_t) (shape.equal || v < K ? v % K : (v*v) % std::max<int64_t>(1, K/7));
        }
        std::shuffle(cluster.begin(), cluster.end(), rng);

        offsets.assign(K + 1, 0);
        for (int32_t c : cluster) { offsets[c + 1]++; }
        for (int64_t c = 0; c < K; c++) { offsets[c + 1] += offsets[c]; }
        std::vector<int32_t> next(offsets.begin(), offsets.end() - 1);
        tokens.resize(V);
        position.resize(V);
        for (int64_t v = 0; v < V; v++) {
            position[v] = next[cluster[v]]++;
            tokens[position[v]] = (int32_t) v;
        }

        for (int64_t i = 0; i < shape.n_pinned; i++) { pinned.push_back((int32_t) (i*V/shape.n_pinned)); }
    }

    std::vector<float> mean_rows() const {
        std::vector<float> out(shape.n_cluster*shape.n_embd);
        for (int64_t v = 0; v < shape.n_vocab; v++) {
            const int32_t c = cluster[v];
            for (int64_t i = 0; i < shape.n_embd; i++) {
                out[c*shape.n_embd + i] += weight[v*shape.n_embd + i]/(offsets[c + 1] - offsets[c]);
            }
        }
        return out;
    }

    void make_tensors(ggml_backend_t backend, const std::vector<uint8_t> & rows, const std::vector<uint8_t> & means) {
        ctx.reset(ggml_init({ 16*ggml_tensor_overhead(), nullptr, true }));
        const ggml_flash_head_shape of_op = {
            shape.type, shape.centroid_type, shape.n_embd, shape.n_vocab, shape.n_cluster, (int64_t) pinned.size(),
            codes ? codes->n : 0, codes ? codes->n_bits : 0, codes ? codes->fine_bytes : 0, shape.grouped,
            shape.ordered,
        };
        weight_tensor = ggml_new_tensor_2d(ctx.get(), shape.type, shape.n_embd, shape.n_vocab);
        sources       = ggml_flash_head_new_sources(ctx.get(), &of_op);
        buffer.reset(ggml_backend_alloc_ctx_tensors(ctx.get(), backend));

        std::vector<int32_t> places(cluster);
        places.insert(places.end(), position.begin(), position.end());

        auto set = [](ggml_tensor * t, const void * data) { if (t) {
            ggml_backend_tensor_set(t, data, 0, ggml_nbytes(t));
        } };
        set(weight_tensor,     rows.data());
        if (shape.grouped) {
            flash_head_centroids_group(means.data(), shape.n_cluster, shape.n_embd, sources.centroids->data);
        } else {
            set(sources.centroids, means.data());
        }
        set(sources.places,    places.data());
        set(sources.tokens,    tokens.data());
        set(sources.offsets,   offsets.data());
        set(sources.pinned,    pinned.data());
        if (codes) {
            set(sources.coarse, codes->coarse.data());
            set(sources.fine,   codes->fine.data());
            set(sources.basis,  codes->basis.data());
        }
        if (sources.ordered) {
            const size_t row_size = weight_tensor->nb[1];
            for (int64_t pos = 0; pos < shape.n_vocab; pos++) {
                ggml_backend_tensor_set(sources.ordered, rows.data() + tokens[pos]*row_size, pos*row_size, row_size);
            }
        }
    }

    template <typename F> std::vector<float> compute(const op_device & device, const std::vector<float> & x,
            const F & build) const {
        const int64_t n_rows = x.size()/shape.n_embd;
        ggml_context_ptr c(ggml_init({ 8*ggml_tensor_overhead() + ggml_graph_overhead_custom(GRAPH_SIZE, false),
                nullptr, true }));
        ggml_tensor * input  = ggml_new_tensor_2d(c.get(), GGML_TYPE_F32, shape.n_embd, n_rows);
        ggml_tensor * result = build(c.get(), input);
        ggml_cgraph * graph  = ggml_new_graph_custom(c.get(), GRAPH_SIZE, false);
        ggml_build_forward_expand(graph, result);
        ggml_backend_buffer_ptr compute_buffer(ggml_backend_alloc_ctx_tensors(c.get(), device.backend));
        const std::vector<float> nothing(shape.n_vocab*n_rows, NAN); // a logit that is not written stays NaN

        ggml_backend_tensor_set(result, nothing.data(), 0, ggml_nbytes(result));
        ggml_backend_tensor_set(input, x.data(), 0, ggml_nbytes(input));
        device.compute(graph);
        std::vector<float> out(shape.n_vocab*n_rows);
        ggml_backend_tensor_get(result, out.data(), 0, ggml_nbytes(result));
        return out;
    }
};
