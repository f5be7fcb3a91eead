// Tests of FLASH_HEAD on ggml's Metal backend, where there is no Metal: the backend's own code on a device that runs
// the kernels, the very ones of flash_head.metal, on fibers (metal/). Against a plain reference, the dense product, and
// the CPU backend.

#include "check.h"
#include "codes-test.h"
#include "flash-head-draw.h"
#include "flash-head-kargs.h"
#include "flash-head-select.h"
#include "ggml-metal.h"
#include "op-test.h"
#include "metal/metal-device.h"
#include "metal/metal-kernels.h"

#include <utility>

static checker check;

static ggml_backend_t metal, cpu;

static ggml_flash_head_params params_of(int32_t n_probe, int mode = GGML_FLASH_HEAD_TOP, float temperature = 1.0f,
        uint32_t seed = 0) {
    ggml_flash_head_params params = {};
    params.n_probe     = n_probe;
    params.mode        = mode;
    params.temperature = temperature;
    params.seed        = seed;
    return params;
}

static head_shape shape_of(int64_t n_embd, int64_t n_vocab, int64_t n_cluster, ggml_type type, ggml_type centroid_type,
        int64_t n_pinned = 0, bool equal = true) {
    return { n_embd, n_vocab, n_cluster, type, centroid_type, n_pinned, equal, /*ordered =*/ false };
}

// Every type that has kernels, as the weight's and as the centroids'.
static void test_types(op_test & test) {
    const std::vector<ggml_type> types = test.weight_types();
    const int n_skipped = test.n_skipped;
    for (ggml_type type : types) {
        test.check_selection(shape_of(512, 320, 20, type, type), 7, 2);
    }
    const int n_types = (int) types.size() - (test.n_skipped - n_skipped);
    check(n_types == 26, "%d types have kernels", n_types);
}

static void test_shapes(op_test & test) {
    for (int64_t n_rows : { 1, 3, 8, 9, 17 }) {
        test.check_selection(shape_of(64, 1000, 50, GGML_TYPE_F32,  GGML_TYPE_F32,  20, false), 9, n_rows);
        test.check_selection(shape_of(96, 640,  40, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 13),        5, n_rows);
    }
    for (int64_t n_embd : { 1, 33, 35 }) { // rows begin anywhere
        for (ggml_type type : { GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16 }) {
            test.check_selection(shape_of(n_embd, 301, 30, type, type, 4, false), 3, 3);
        }
    }
    for (int64_t n_embd : { 32, 160, 640, 1152 }) { // lanes that share a row: few, as many as are not idle, all
        test.check_selection(shape_of(n_embd, 200, 20, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0), 4, 2);
    }
    for (int32_t n_probe : { 1, 59, 60 }) {
        test.check_selection(shape_of(256, 977, 60, GGML_TYPE_Q6_K, GGML_TYPE_Q4_0, 7, false), n_probe, 2);
    }
    // singletons; less than a simdgroup
    test.check_selection(shape_of(32, 7,     7,  GGML_TYPE_Q4_0, GGML_TYPE_Q4_0),        3, 1);
    // several chunks of a threadgroup, nearly all pinned
    test.check_selection(shape_of(32, 17000, 40, GGML_TYPE_Q4_0, GGML_TYPE_Q4_0, 16999), 2, 1);
    test.check_selection(shape_of(32, 40000, 40, GGML_TYPE_Q4_0, GGML_TYPE_Q4_0, 100),   2, 2);
}

// The same as on the CPU backend, whose draws the same seeds must give. Returns how many of the rows select others.
static int compare_with_cpu(const head_shape & shape, const ggml_flash_head_params & params, int64_t n_rows) {
    const head_fixture on_metal(shape, metal), on_cpu(shape, cpu);
    const std::vector<float> x        = random_rows(n_rows, shape.n_embd, params.seed + 1);
    const std::vector<float> logits   = on_metal.run(metal, x, params);
    const std::vector<float> expected = on_cpu.run(cpu, x, params);
    int n_differ = 0;
    for (int64_t r = 0; r < n_rows; r++) {
        bool same = true;
        for (int64_t i = r*shape.n_vocab; i < (r + 1)*shape.n_vocab; i++) {
            same = same && fabs(logits[i] - expected[i]) < 1e-3;
        }
        n_differ += !same;
    }
    return n_differ;
}

static void test_against_cpu() {
    int n_differ = compare_with_cpu(shape_of(64, 1024, 64, GGML_TYPE_F32, GGML_TYPE_F32, 5), params_of(9), 24);
    check(n_differ == 0, "%d rows of 24 select other clusters than on the CPU", n_differ);

    const int n_rows = 48, n_seeds = 3;
    for (float temperature : { 0.5f, 3.0f, 20.0f }) {
        n_differ = 0;
        for (uint32_t seed = 0; seed < (uint32_t) n_seeds; seed++) {
            const head_shape shape = shape_of(32, 256, 64, GGML_TYPE_F32, GGML_TYPE_F32, 5);
            n_differ += compare_with_cpu(shape, params_of(8, GGML_FLASH_HEAD_SAMPLE, temperature, seed), n_rows);
        }
        check(n_differ == 0, "T = %g: %d rows of %d draw other clusters than on the CPU", temperature, n_differ,
                n_rows*n_seeds);
    }
}

// The noise of the draws is that of the CPU up to what a float holds, also of the least and the greatest numbers.
static void test_gumbel() {
    const uint64_t end = (uint64_t) 1 << 52;
    std::vector<uint64_t> numbers = { 0, 1, 2, end/2 - 2, end/2 - 1, end/2, end/2 + 1, end - 3, end - 2, end - 1 };
    for (int shift = 2; shift < 52; shift++) {
        for (uint64_t n : { end >> shift, end - (end >> shift) }) { numbers.push_back(n); }
    }
    std::mt19937_64 rng(3);
    for (int i = 0; i < 300000; i++) { numbers.push_back(rng() >> 12); }
    double worst = 0;
    for (uint64_t n : numbers) {
        const double u        = ((double) n + 0.5)*0x1p-52;
        const double expected = -log(n < end/2 ? -log(u) : -log1p(-((double) (end - 1 - n) + 0.5)*0x1p-52));
        worst = std::max(worst, fabs(metal_gumbel_of(n) - expected)/std::max(1.0, fabs(expected)));
    }
    check(worst < 3e-7, "a Gumbel variate is off by %g", worst);
}

// the threshold of many keys, of which many may be equal, is that of the core
static void test_select() {
    const int K = 65536;
    std::mt19937 rng(1);
    std::normal_distribution<float> normal;
    std::vector<std::vector<int32_t>> cases(5, std::vector<int32_t>(K));
    for (int i = 0; i < K; i++) {
        cases[0][i] = flash_head_key(normal(rng));
        cases[1][i] = flash_head_key((float) (rng() % 3) - 1.0f);
        cases[2][i] = 42;
        cases[3][i] = rng() % 100 == 0 ? flash_head_key(normal(rng)) : INT32_MIN;
        cases[4][i] = (int32_t) rng();
    }
    const metal_kernel & kernel = metal_kernels().at("kernel_flash_head_select");
    for (size_t i = 0; i < cases.size(); i++) {
        for (int n : { 1, 2, 256, 4096, 30000, K - 1, K }) {
            ggml_metal_kargs_flash_head args = {};
            args.n_cluster = K;
            args.n_probe   = n;
            int32_t found[2] = {};
            lanes_grid grid;
            grid.threads     = { 1024 };
            grid.shared_size = (256*FLASH_HEAD_METAL_COPIES + 3)*sizeof(uint32_t);
            lanes_run(grid, [&] { kernel.run({ &args, cases[i].data(), found }); });

            int n_selected = 0;
            const flash_head_threshold expected = flash_head_select(cases[i].data(), K, n), t = { found[0], found[1] };
            bool same = true;
            for (int c = 0; c < K; c++) {
                n_selected += flash_head_selected(t, cases[i][c], c);
                same = same && flash_head_selected(t, cases[i][c], c) == flash_head_selected(expected, cases[i][c], c);
            }
            check(n_selected == n && same, "case %d: %d keys are selected, not the %d best", (int) i, n_selected, n);
        }
    }
}

// The order in which threads run, how many there are, and neighbours in a batch change nothing at all.
static void test_same_bits() {
    const std::pair<int, bool> kinds[] = { { GGML_FLASH_HEAD_TOP, false }, { GGML_FLASH_HEAD_SAMPLE, false },
        { GGML_FLASH_HEAD_TOP, true } };
    for (const auto & [mode, codes] : kinds) {
        head_shape shape = shape_of(256, 1501, 90, GGML_TYPE_Q4_K, GGML_TYPE_Q4_0, 11, false);
        shape.codes = codes;
        const head_fixture h(shape, metal);
        const ggml_flash_head_params params = params_of(12, mode, 0.8f, 5);
        const std::vector<float> x        = random_rows(11, shape.n_embd);
        const std::vector<float> expected = h.run(metal, x, params);
        for (int64_t r : { 0, 7, 10 }) {
            const std::vector<float> row =
                    h.run(metal, { x.begin() + r*shape.n_embd, x.begin() + (r + 1)*shape.n_embd }, params);
            check(std::equal(row.begin(), row.end(), expected.begin() + r*shape.n_vocab),
                    "row %d differs when alone", (int) r);
        }
        for (lanes_order order : { LANES_BACKWARD, LANES_SHUFFLED }) {
            metal_device_settings.order = order;
            check(h.run(metal, x, params) == expected, "threads in order %d change the logits", order);
        }
        metal_device_settings.order       = LANES_FORWARD;
        metal_device_settings.max_threads = 448; // a kernel that needs many registers
        check(h.run(metal, x, params) == expected, "threadgroups of other sizes change the logits");
        metal_device_settings.max_threads = 1024;
    }
}

// what only a CPU can read is refused
static void test_refused() {
    head_shape shape = shape_of(64, 100, 16, GGML_TYPE_Q4_0, GGML_TYPE_Q4_0);
    auto supported = [&](ggml_backend_t memory) {
        const head_fixture h(shape, memory);
        ggml_context_ptr c(ggml_init({ 4*ggml_tensor_overhead(), nullptr, true }));
        ggml_flash_head_params params = params_of(3);
        params.grouped = shape.grouped;
        return ggml_backend_supports_op(metal, ggml_flash_head(c.get(), h.weight_tensor,
                ggml_new_tensor_2d(c.get(), GGML_TYPE_F32, shape.n_embd, 1), &h.sources, &params));
    };
    check(supported(metal), "a head is refused");
    check(!supported(cpu), "a head in the memory of the host is not refused");
    shape.ordered = true;
    check(!supported(metal), "a copy of the rows is not refused");
    shape.ordered = false;
    shape.grouped = true;
    check(!supported(cpu), "centroids in groups are not refused");
}

int main() {
    ggml_backend_load_all();
    metal = ggml_backend_metal_init();
    cpu   = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr);
    if (!metal || !cpu) {
        printf("no backend\n");
        return 1;
    }
    op_test test = { check, op_device(metal).with_dense_of(cpu), /*is_cpu =*/ false, /*has_codes =*/ true, nullptr };
    test.dense_error = 5e-4; // the CPU rounds activations
    test.plain_error = 1e-9;
    test.rounding    = 1e-5;
    test.row_counts  = { 1, 3 };
    test_select();
    test_gumbel();
    test_types(test);
    test_shapes(test);
    for (lanes_order order : { LANES_FORWARD, LANES_BACKWARD, LANES_SHUFFLED }) {
        metal_device_settings.order = order;
        codes_test{ check, metal }.test_all();
    }
    metal_device_settings.order = LANES_FORWARD;
    test.test_all();
    test_against_cpu();
    test_same_bits();
    test_refused();
    printf("%d kernels were launched\n", metal_device_settings.n_launches);
    ggml_backend_free(metal);
    ggml_backend_free(cpu);
    return check.finish();
}
