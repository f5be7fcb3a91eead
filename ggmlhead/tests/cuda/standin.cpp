#include "standin.h"

#include "ggml-backend.h"
#include "ggml-cuda/common.cuh"
#include "ggml-cuda/quantize.cuh"

#include <math.h>

static const size_t GUARD_SIZE = 256;

static lanes_order order = LANES_FORWARD;

void standin_set_order(lanes_order o) { order = o; }

[[noreturn]] static void fail(const char * what) {
    fprintf(stderr, "stand-in: %s\n", what);
    abort();
}

static void check_guard(const void * p, const char * what) {
    for (size_t i = 0; i < GUARD_SIZE; i++) {
        if (((const uint8_t *) p)[i] != 0xff) {
            fail(what);
        }
    }
}

void standin_launch(dim3 blocks, dim3 threads, const std::function<void()> & body) {
    lanes_grid grid;
    grid.blocks    = { blocks.x,  blocks.y,  blocks.z };
    grid.threads   = { threads.x, threads.y, threads.z };
    grid.warp_size = STANDIN_WARP_SIZE;
    grid.order     = order;
    lanes_run(grid, body);
}

// --- replaces ggml-cuda.cu ---

static ggml_cuda_device_info make_info() {
    ggml_cuda_device_info info;
    info.device_count         = 1;
    info.devices[0].cc        = GGML_CUDA_CC_TURING;
    info.devices[0].nsm       = 2;
    info.devices[0].smpb      = 48*1024;
    info.devices[0].warp_size = STANDIN_WARP_SIZE;
    return info;
}

const ggml_cuda_device_info & ggml_cuda_info() {
    static const ggml_cuda_device_info info = make_info();
    return info;
}

int  ggml_cuda_get_device() { return 0; }
void ggml_cuda_set_device(int) {}

void ggml_cuda_error(const char * stmt, const char *, const char *, int, const char *) { fail(stmt); }

ggml_backend_buffer_type_t ggml_backend_cuda_buffer_type(int) { return ggml_backend_cpu_buffer_type(); }

struct standin_pool : ggml_cuda_pool {
    void * alloc(size_t size, size_t * actual_size) override {
        *actual_size = size;
        void * p = malloc(size + GUARD_SIZE);
        memset(p, 0xff, size + GUARD_SIZE);
        return p;
    }
    void free(void * p, size_t size) override {
        check_guard((char *) p + size, "a kernel wrote beyond its scratch buffer");
        ::free(p);
    }
};

std::unique_ptr<ggml_cuda_pool> ggml_backend_cuda_context::new_pool_for_device(int, int) {
    return std::unique_ptr<ggml_cuda_pool>(new standin_pool);
}

ggml_backend_cuda_context::~ggml_backend_cuda_context() {}

// The same quantisation of activations as ggml's kernel.
void quantize_row_q8_1_cuda(
        const float * x, const int32_t *, void * vy, ggml_type, int64_t ne00, int64_t s01, int64_t, int64_t,
        int64_t ne0, int64_t ne1, int64_t, int64_t, cudaStream_t) {
    block_q8_1 * y = (block_q8_1 *) vy;
    for (int64_t i = 0; i < ne1*ne0/QK8_1; i++) {
        const int64_t row = i/(ne0/QK8_1), column = i % (ne0/QK8_1)*QK8_1;
        float amax = 0.0f, sum = 0.0f;
        for (int64_t j = 0; j < QK8_1 && column + j < ne00; j++) {
            amax = fmaxf(amax, fabsf(x[row*s01 + column + j]));
            sum += x[row*s01 + column + j];
        }
        const float d = amax/127.0f;
        for (int64_t j = 0; j < QK8_1; j++) {
            const float v = column + j < ne00 ? roundf(x[row*s01 + column + j]/d) : 0.0f;
            // a GPU converts NaN to 0
            y[i].qs[j] = amax == 0.0f || !(fabsf(v) <= 127.0f) ? 0 : (int8_t) v;
        }
        y[i].ds = make_half2(d, sum);
    }
}
