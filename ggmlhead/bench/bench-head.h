#pragma once

// A synthetic head: the op and the dense product, ready to run.

#include "flash-head-totals.h"
#include "ggml-backend.h"
#include "ggml-cpp.h"
#include "ggml-cpu.h"
#include "ggml-flash-head.h"

#include <cstdint>
#include <vector>

struct bench_shape {
    int64_t   n_embd;
    int64_t   n_vocab;
    int64_t   cluster_size;
    ggml_type type;          // of the weight
    ggml_type centroid_type;
    int32_t   coarse_bits;   // per token; 0: no codes
    int32_t   fine_bytes;    // per token
    int64_t   n_near;        // tokens whose fine code is read, or more with a tolerance
    float     tolerance;     // as in ggml_flash_head_params
    float     error;         // expected square of a coarse estimate's error; a fine one's is a quarter of it
    bool      ordered;       // with a cluster-ordered copy
    bool      grouped;       // Q4_0 centroids in groups, for the CPU only
};

// The CPU backend with a thread pool, as in a program that decodes.
class bench_backend {
    ggml_threadpool_t pool = nullptr;
    decltype(ggml_threadpool_free) * free_pool = nullptr;

public:
    ggml_backend_t backend = nullptr;

    explicit bench_backend(int n_threads);
    ~bench_backend();
    bench_backend(const bench_backend &) = delete;
};

// Weights and centroids are random, and clusters are random sets of tokens. So the best clusters lie all over the head,
// as in a real one. Rows repeat every 256 tokens, which does not affect the time. Activations are so large that
// estimates of a head with codes have a standard deviation of 4.5 nats: then about as many tokens matter as in text.
class bench_head {
    ggml_context_ptr        ctx;
    ggml_backend_buffer_ptr buffer;
    ggml_context_ptr        ctx_compute;
    ggml_backend_buffer_ptr buffer_compute;

    ggml_tensor * weight;
    ggml_tensor * x;
    ggml_tensor * logits;
    ggml_flash_head_sources sources = {};

    ggml_gallocr_ptr allocator;

    std::vector<uint8_t> centroid_rows() const;
    void fill_codes();
    bool   grouped() const { return shape.grouped && shape.centroid_type == GGML_TYPE_Q4_0; }
    double time_of(ggml_backend_t backend, ggml_context * c, ggml_tensor * node);

public:
    bench_shape       shape;
    int64_t           n_cluster;
    flash_head_totals totals; // of all runs of the op

    bench_head(const bench_shape & shape, int64_t n_rows, ggml_backend_t backend);

    // nodes for a graph: the logits of all rows, by the dense product or by the op with n_probe probes
    ggml_tensor * dense(ggml_context * c) const;
    ggml_tensor * op(ggml_context * c, int32_t n_probe) const;

    // seconds for the logits of all rows, by the dense product or by the op with n_probe probes
    double run_dense(ggml_backend_t backend);
    double run_op(ggml_backend_t backend, int32_t n_probe);

    // tokens that n_probe clusters have
    double n_exact(int32_t n_probe) const { return (double) n_probe*(double) shape.n_vocab/(double) n_cluster; }

    // minimum bytes of weights read: by the dense product, and by the op for one row that reads n_near fine codes, if
    // there are any, and scores n_scored tokens exactly
    double dense_bytes() const;
    double op_bytes(double n_near, double n_scored) const;
};
