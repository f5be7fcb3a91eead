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
    int32_t   coarse_bits;   // of the codes, a token; 0: none
    int32_t   fine_bytes;    // a token
    int64_t   n_near;        // tokens whose fine code is read
    bool      ordered;       // with a cluster-ordered copy
    bool      grouped;       // centroids, if of type Q4_0, in groups, as only the CPU reads them
};

// The CPU backend with a pool of threads, as a program that decodes has it.
class bench_backend {
    ggml_threadpool_t pool = nullptr;
    decltype(ggml_threadpool_free) * free_pool = nullptr;

public:
    ggml_backend_t backend = nullptr;

    explicit bench_backend(int n_threads);
    ~bench_backend();
    bench_backend(const bench_backend &) = delete;
};

// Weights and centroids are random, and clusters random sets of tokens; so the best clusters lie all over the head, as
// they do for a real one. A token's row repeats after 256 tokens, which time does not depend on.
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

    // nodes for a graph: the product of the rows, densely or by retrieval with n_probe probes
    ggml_tensor * dense(ggml_context * c) const;
    ggml_tensor * op(ggml_context * c, int32_t n_probe) const;

    // seconds that the product of n_rows rows takes, densely or by retrieval with n_probe probes
    double run_dense(ggml_backend_t backend);
    double run_op(ggml_backend_t backend, int32_t n_probe);

    // bytes of weights that are read, at least: by the dense product, and by the op for one row with n_probe probes
    double dense_bytes() const;
    double op_bytes(int32_t n_probe) const;
};
