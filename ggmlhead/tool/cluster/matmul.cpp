#include "matmul.h"

#include "ggml-backend.h"
#include "ggml-cpp.h"

#include <cstring>
#include <mutex>
#include <stdexcept>
#include <vector>

struct flash_head_matmul {
    ggml_backend_ptr     backend;
    std::vector<uint8_t> meta;    // memory of the tensors and the graph of one product
};

static ggml_backend_dev_t flash_head_cpu_device() {
    static std::once_flag once;
    std::call_once(once, [] {
        if (ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) == nullptr) {
            ggml_backend_load_all();
        }
    });
    return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
}

flash_head_matmul_ptr flash_head_matmul_new() {
    ggml_backend_dev_t dev = flash_head_cpu_device();
    flash_head_matmul_ptr mm(new flash_head_matmul);
    mm->backend.reset(dev ? ggml_backend_dev_init(dev, nullptr) : nullptr);
    if (!mm->backend) {
        throw std::runtime_error("ggml has no CPU backend here");
    }
    void * set_n_threads = ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(dev),
            "ggml_backend_set_n_threads");
    if (set_n_threads) {
        ((ggml_backend_set_n_threads_t) set_n_threads)(mm->backend.get(), 1);
    }
    mm->meta.resize(8*ggml_tensor_overhead() + ggml_graph_overhead_custom(8, false));
    return mm;
}

void flash_head_matmul_deleter::operator()(flash_head_matmul * mm) const {
    delete mm;
}

enum ggml_type flash_head_matmul_best_type() {
    ggml_backend_dev_t dev  = flash_head_cpu_device();
    void             * proc = dev ? ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(dev),
            "ggml_backend_get_features") : nullptr;
    // what ggml's CPU backend was compiled for: ends with one without a name
    const ggml_backend_feature * f =
            proc ? ((ggml_backend_get_features_t) proc)(ggml_backend_dev_backend_reg(dev)) : nullptr;
    for (; f && f->name; f++) {
        if (strcmp(f->name, "AVX512_BF16") == 0 && strcmp(f->value, "1") == 0) {
            return GGML_TYPE_BF16;
        }
    }
    return GGML_TYPE_F16;
}

bool flash_head_matmul_run(flash_head_matmul * mm, enum ggml_type type, int64_t n_cols,
        const void * a, int64_t n_a, const void * b, int64_t n_b, float * out) {
    ggml_context_ptr owner(ggml_init({ mm->meta.size(), mm->meta.data(), /*no_alloc =*/ true }));
    ggml_context * ctx = owner.get();

    struct ggml_tensor * ta = ggml_new_tensor_2d(ctx, type, n_cols, n_a);
    struct ggml_tensor * tb = ggml_new_tensor_2d(ctx, type, n_cols, n_b);
    struct ggml_tensor * tc = ggml_mul_mat(ctx, ta, tb);

    // the operands stay where they are: only headers are made here
    ggml_backend_buffer_ptr buffers[3];
    const auto place = [&](int i, ggml_tensor * t, const void * data) {
        t->data = const_cast<void *>(data);
        buffers[i].reset(ggml_backend_cpu_buffer_from_ptr(t->data, ggml_nbytes(t)));
        t->buffer = buffers[i].get();
    };
    place(0, ta, a);
    place(1, tb, b);
    place(2, tc, out);

    struct ggml_cgraph * graph = ggml_new_graph_custom(ctx, 8, false);
    ggml_build_forward_expand(graph, tc);
    return ggml_backend_graph_compute(mm->backend.get(), graph) == GGML_STATUS_SUCCESS;
}
