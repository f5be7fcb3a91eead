// Tests of the CUDA kernels without a GPU: their unchanged source, compiled for the CPU (standin.h), against the CPU's
// op, a naive reference and the dense product. Only a GPU can show real races, separate memory and speed.

#include "standin.h"

// before the core's headers, whose functions it makes functions of the device
#include "../../ggml/cuda/flash-head-threshold.cuh"
#include "../../ggml/cuda/flash-head.cuh"

#include "../op-test.h"
#include "../codes-test.h"

static checker check;

static ggml_backend_t cpu;

static const lanes_order ORDERS[] = { LANES_FORWARD, LANES_BACKWARD, LANES_SHUFFLED };

// The kernels as a device. The CPU computes dense products.
static op_device standin() {
    op_device device(cpu);
    device.supports = [](const ggml_tensor * node) { return ggml_cuda_flash_head_supported(0, node); };
    device.compute  = [](ggml_cgraph * graph) {
        ggml_backend_cuda_context ctx(0);
        ggml_cuda_flash_head(ctx, ggml_graph_node(graph, -1));
    };
    return device.with_dense_of(cpu);
}

// Every logit equals the CPU's up to the order of sums. For types with which the CPU does not quantise activations.
static void check_same(const head_fixture & h, const ggml_flash_head_params & params, int64_t n_rows) {
    const std::vector<float> x        = random_rows(n_rows, h.shape.n_embd, 11);
    const std::vector<float> expected = h.run(cpu, x, params);
    const std::vector<float> got      = h.run(standin(), x, params);
    double worst = 0, size = 0;
    int n_off = 0;
    for (size_t i = 0; i < got.size(); i++) {
        const double d = fabs(got[i] - expected[i]);
        worst = std::max(worst, d);
        size  = std::max(size, (double) fabs(expected[i]));
        n_off += !(d < 1e-3);
    }
    check(n_off == 0, "%s/%s D=%d K=%d P=%d mode %d, %d rows: %d logits differ by up to %g of %g",
            ggml_type_name(h.shape.type), ggml_type_name(h.shape.centroid_type), (int) h.shape.n_embd,
            (int) h.shape.n_cluster, params.n_probe, params.mode, (int) n_rows, n_off, worst, size);
}

static void test_same_as_cpu() {
    for (int64_t n_embd : { 33, 256 }) {
        const head_fixture h({ n_embd, 777, 61, GGML_TYPE_F32, GGML_TYPE_F32, 9, /*equal =*/ false,
                /*ordered =*/ false }, cpu);
        for (int64_t n_rows : { 1, 3, 8, 9 }) {
            check_same(h, top(7), n_rows);
        }
        check_same(h, top(1),  2);
        check_same(h, top(61), 2);
        check_same(h, { 7, GGML_FLASH_HEAD_SAMPLE, 3.0f, 5, 0, 0, 0, 0.0f, 0 }, 9);
    }
}

// The same clusters are drawn as on the CPU.
static void test_draws_same() {
    const draw_head d;
    const head_fixture h(d, cpu);
    const op_device device = standin();
    const std::vector<float> many = draw_head::rows(100, 2), one = draw_head::rows(1, 1);
    for (int32_t n = 1; n <= 3; n++) {
        const ggml_flash_head_params params = { n, GGML_FLASH_HEAD_SAMPLE, 0.8f, 5, 0, 0, 0, 0.0f, 0 };
        check(draw_head::sets(h.run(device, many, params)) == draw_head::sets(h.run(cpu, many, params)),
                "%d of 6 clusters: other draws than the CPU's", n);
    }
    for (uint32_t seed = 0; seed < 30; seed++) {
        const ggml_flash_head_params params = { 2, GGML_FLASH_HEAD_SAMPLE, 0.8f, seed, 0, 0, 0, 0.0f, 0 };
        check(draw_head::sets(h.run(device, one, params)) == draw_head::sets(h.run(cpu, one, params)),
                "seed %u: other draws than the CPU's", seed);
    }
}

// The noise of draws, in single precision.
static void test_noise() {
    std::mt19937_64 rng(3);
    const uint64_t last = (1ull << 52) - 1;
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = rng() >> 12;
        if (i % 3 == 1) { bits >>= rng() % 52; }          // u near 0
        if (i % 3 == 2) { bits = last - (bits >> rng() % 52); } // near 1
        const long double u = ((long double) bits + 0.5L)/4503599627370496.0L;
        const double expected = (double) -logl(-log1pl(-(1.0L - u)));
        const double got = flash_head_draw_gumbel_float(bits);
        check(fabs(got - expected) <= 1e-6*std::max(1.0, fabs(expected)), "noise of %llx: %.9g, not %.9g",
                (unsigned long long) bits, got, expected);
    }
}

// The threshold of keys selects the n best.
static void check_threshold(const char * what, std::vector<int> keys, int n) {
    flash_head_threshold t = {};
    flash_head_call call = {};
    call.keys      = keys.data();
    call.n_cluster = (int) keys.size();
    call.threshold = &t;
    const ggml_cuda_kernel_launch_params params(dim3(1, 1, 1), dim3(FLASH_HEAD_SELECT_THREADS, 1, 1), 0, nullptr);
    ggml_cuda_kernel_launch(flash_head_find_threshold, params, call, n);

    std::vector<int> order(keys.size());
    for (size_t i = 0; i < order.size(); i++) { order[i] = (int) i; }
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return keys[a] > keys[b]; });
    int n_selected = 0;
    while (n_selected < (int) keys.size() && flash_head_selected(t, keys[order[n_selected]], order[n_selected])) {
        n_selected++;
    }
    int n_all = 0;
    for (size_t i = 0; i < keys.size(); i++) { n_all += flash_head_selected(t, keys[i], (int) i); }
    check(n_all == n_selected, "%s: %d keys are selected, of which %d are the best", what, n_all, n_selected);
    check(n_selected == n, "%s: %d of %d keys are selected, not %d", what, n_selected, (int) keys.size(), n);
}

static void test_threshold() {
    std::mt19937 rng(1);
    std::normal_distribution<float> normal;
    for (int size : { 1, 2, 255, 1000, 65536, 70001 }) {
        std::vector<int> keys(size), few(size), same(size, flash_head_key(1.5f));
        for (int & k : keys) { k = flash_head_key(normal(rng)); }
        for (int & k : few)  { k = flash_head_key((float) (rng() % 3) - 1.0f); }
        keys[size/2] = flash_head_key(NAN);
        keys[size/3] = flash_head_key(INFINITY);
        for (int n : { 1, size/16, size - 1, size }) {
            if (n < 1 || n > size) {
                continue;
            }
            check_threshold("normal",      keys, n);
            check_threshold("three kinds", few,  n);
            check_threshold("all alike",   same, n);
        }
    }
}

// Rows of x with gaps, not aligned to 16 bytes.
static void test_strides() {
    for (ggml_type type : { GGML_TYPE_F16, GGML_TYPE_Q8_0 }) {
        const head_fixture h({ 64, 500, 32, type, GGML_TYPE_F32, 3, true, /*ordered =*/ false }, cpu);
        const std::vector<float> x = random_rows(3, 65, 4);
        std::vector<float> packed;
        for (int r = 0; r < 3; r++) { packed.insert(packed.end(), x.begin() + 65*r + 1, x.begin() + 65*(r + 1)); }

        ggml_context_ptr c(ggml_init({ 4*ggml_tensor_overhead(), nullptr, true }));
        ggml_tensor * whole = ggml_new_tensor_2d(c.get(), GGML_TYPE_F32, 65, 3);
        ggml_tensor * view  = ggml_view_2d(c.get(), whole, 64, 3, whole->nb[1], sizeof(float));
        const ggml_flash_head_params params = top(4);
        ggml_tensor * node  = ggml_flash_head(c.get(), h.weight_tensor, view, &h.sources, &params);
        ggml_backend_buffer_ptr buffer(ggml_backend_alloc_ctx_tensors(c.get(), cpu));
        ggml_backend_tensor_set(whole, x.data(), 0, ggml_nbytes(whole));
        ggml_backend_cuda_context ctx(0);
        ggml_cuda_flash_head(ctx, node);

        std::vector<float> got(3*500);
        ggml_backend_tensor_get(node, got.data(), 0, ggml_nbytes(node));
        const double error = nmse(got.data(), h.run(standin(), packed, params).data(), got.size());
        check(error < 1e-10, "%s: rows that lie apart give other logits: %g", ggml_type_name(type), error);
    }
}

// heads that the kernels do not take are refused, so that they stay where they are
static void test_refused() {
    const op_device device = standin();
    auto takes = [&](head_shape shape) { return head_fixture(shape, cpu).supported(device, top(3)); };
    head_shape shape = { 256, 500, 32, GGML_TYPE_Q6_K, GGML_TYPE_Q4_0, 3, true, /*ordered =*/ false };
    check(takes(shape), "an ordinary head is refused");
    shape.grouped = true;
    check(!takes(shape), "centroids in groups are not refused");
    shape.grouped = false;
    shape.ordered = true;
    check(!takes(shape), "a copy in the order of the clusters is not refused");
    shape.ordered = false;
    shape.codes = true;
    check(takes(shape), "codes are refused");
    shape.grouped = true;
    check(!takes(shape), "codes with centroids in groups are not refused");
    shape.codes = shape.grouped = false;
    shape.type = GGML_TYPE_TQ1_0;
    check(!takes(shape), "a weight without a dot product is not refused");
    shape.type = GGML_TYPE_Q6_K;
    shape.centroid_type = GGML_TYPE_TQ1_0;
    check(!takes(shape), "centroids without a dot product are not refused");

    shape.centroid_type = GGML_TYPE_Q4_0;
    const head_fixture h(shape, cpu);
    std::vector<uint8_t> elsewhere(ggml_nbytes(h.weight_tensor) + 64);
    void * aligned = (void *) (((uintptr_t) elsewhere.data() + 63) & ~(uintptr_t) 63);
    ggml_backend_buffer_ptr buffer(ggml_backend_cpu_buffer_from_ptr(aligned, ggml_nbytes(h.weight_tensor)));
    h.weight_tensor->buffer = buffer.get();
    check(!h.supported(device, top(3)), "a weight that is not in the device's memory is not refused");
}

int main() {
    ggml_backend_load_all();
    cpu = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr);
    if (cpu == nullptr) {
        printf("no CPU backend\n");
        return 1;
    }
    setvbuf(stdout, nullptr, _IOLBF, 0); // shows failures even if a kernel ends the program
    ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(ggml_backend_get_device(cpu));
    const auto set_n_threads = (ggml_backend_set_n_threads_t) ggml_backend_reg_get_proc_address(reg,
            "ggml_backend_set_n_threads");
    set_n_threads(cpu, 1);

    codes_test of_codes = { check, standin() };
    test_noise();
    test_refused();
    for (lanes_order order : ORDERS) {
        standin_set_order(order);
        test_threshold();
        test_same_as_cpu();
        of_codes.test_all();
    }
    standin_set_order(LANES_FORWARD);
    test_draws_same();
    test_strides();

    op_test test = { check, standin(), /*is_cpu =*/ false, /*has_codes =*/ true, nullptr };
    test.dense_error = 5e-4;     // the CPU rounds activations otherwise
    test.row_counts  = { 1, 3 }; // exchanges between lanes are slow here
    test.test_all();
    check(test.n_skipped == 2, "%d heads are refused, but there are 2 types without a dot product", test.n_skipped);

    ggml_backend_free(cpu);
    return check.finish();
}
