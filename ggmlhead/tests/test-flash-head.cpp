// Tests of GGML_OP_FLASH_HEAD on the CPU backend, and on other devices of ggml.

#include "op-test.h"

#include <thread>

static checker check;

static ggml_backend_t backend;
static ggml_backend_set_n_threads_t set_n_threads;

// The number of threads, the ordered copy and the other rows of a batch do not change a bit.
static void test_same_bits() {
    for (bool codes : { false, true }) {
        for (ggml_type type : { GGML_TYPE_F16, GGML_TYPE_Q8_0, GGML_TYPE_Q6_K, GGML_TYPE_Q4_K }) {
            head_shape shape = { 256, 3001, 180, type, GGML_TYPE_Q4_0, 11, false };
            shape.codes = codes;
            const head_fixture with_copy(shape, backend);
            shape.ordered = false;
            const head_fixture without_copy(shape, backend);

            for (int mode : { GGML_FLASH_HEAD_TOP, GGML_FLASH_HEAD_SAMPLE }) {
                ggml_flash_head_params params = top(12);
                params.mode        = mode;
                params.temperature = 0.8f;
                params.seed        = 5;
                const std::vector<float> x = random_rows(19, shape.n_embd);

                set_n_threads(backend, 1);
                const std::vector<float> expected = with_copy.run(backend, x, params);
                for (int n_threads : { 2, 3, 5 }) {
                    set_n_threads(backend, n_threads);
                    check(with_copy.run(backend, x, params) == expected,    "%s: %d threads change the logits",
                            ggml_type_name(type), n_threads);
                    check(without_copy.run(backend, x, params) == expected,
                            "%s: without the copy, on %d threads, the logits change", ggml_type_name(type), n_threads);
                }
                for (int64_t r : { 0, 7, 8, 18 }) {
                    const std::vector<float> alone(x.begin() + r*shape.n_embd, x.begin() + (r + 1)*shape.n_embd);
                    const std::vector<float> row = with_copy.run(backend, alone, params);
                    check(std::equal(row.begin(), row.end(), expected.begin() + r*shape.n_vocab),
                            "%s: row %d differs when alone", ggml_type_name(type), (int) r);
                }
                set_n_threads(backend, 2);
            }
        }
    }
}

// Two contexts of one model compute at the same time.
static void test_concurrent() {
    const head_shape shape = { 256, 2000, 125, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 5 };
    const head_fixture h(shape, backend);
    ggml_backend_t other = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr);
    set_n_threads(other, 1);

    const std::vector<float> x = random_rows(3, shape.n_embd, 1), y = random_rows(3, shape.n_embd, 2);
    const std::vector<float> expected_x = h.run(backend, x, top(8)), expected_y = h.run(backend, y, top(20));

    bool same_y = true;
    std::thread second([&] {
        for (int i = 0; i < 50; i++) { same_y = same_y && h.run(other, y, top(20)) == expected_y; }
    });
    bool same_x = true;
    for (int i = 0; i < 50; i++) { same_x = same_x && h.run(backend, x, top(8)) == expected_x; }
    second.join();
    check(same_x && same_y, "contexts at the same time change each other's results");
    ggml_backend_free(other);
}

// A product in a graph becomes the op.
static void test_replace() {
    const head_shape shape = { 64, 400, 25, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0 };
    const head_fixture h(shape, backend);
    ggml_context_ptr ctx(ggml_init({ 8*ggml_tensor_overhead(), nullptr, true }));
    ggml_tensor * x       = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, shape.n_embd, 2);
    ggml_tensor * product = ggml_mul_mat(ctx.get(), h.weight_tensor, x);
    const ggml_flash_head_params params = { 3, GGML_FLASH_HEAD_SAMPLE, 0.5f, 9, 0, 0, 0, 0.0f, 0 };

    ggml_flash_head_replace_mul_mat(product, &h.sources, &params);

    const ggml_flash_head_params stored = ggml_flash_head_get_params(product);
    check(product->op == GGML_OP_FLASH_HEAD && memcmp(&stored, &params, sizeof(params)) == 0,
            "wrong op or parameters");
    check(product->src[0] == h.weight_tensor && product->src[1] == x,
            "the op has other sources");
    check(ggml_backend_supports_op(backend, product), "the CPU backend does not support the op");
}

// The op counts into the totals that its tensor names, if any.
static void test_totals() {
    const head_fixture h({ 64, 400, 25, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0 }, backend);
    const std::vector<float> x = random_rows(2, h.shape.n_embd);

    flash_head_totals totals;
    for (bool counted : { true, false }) {
        h.run(backend, x, top(3), counted ? &totals : nullptr);
        check(totals.n_scored == 2*3*16, "2 rows of 3 clusters of 16 tokens: %d are counted",
                (int) totals.n_scored);
    }
}

static int test_cpu() {
    backend = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr);
    if (backend == nullptr) {
        printf("no CPU backend\n");
        return 1;
    }
    ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(ggml_backend_get_device(backend));
    set_n_threads = (ggml_backend_set_n_threads_t) ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_n_threads");
    set_n_threads(backend, 2);

    op_test test = { check, backend, /*is_cpu =*/ true, /*has_codes =*/ true,
            [](int n) { set_n_threads(backend, n); } };
    test.test_all();
    check(test.n_skipped == 0, "the CPU does not support %d heads", test.n_skipped);
    test.test_sampling();
    set_n_threads(backend, 2);

    test_same_bits();
    test_concurrent();
    test_replace();
    test_totals();

    ggml_backend_free(backend);
    return check.finish();
}

// The tests that every device must pass.
static int test_device(const char * name) {
    backend = ggml_backend_init_by_name(name, nullptr);
    if (backend == nullptr) {
        printf("no device %s; available:", name);
        for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
            printf(" %s", ggml_backend_dev_name(ggml_backend_dev_get(i)));
        }
        printf("\n");
        return 1;
    }
    head_shape shape = { 64, 400, 25, GGML_TYPE_F32, GGML_TYPE_F32, 0, true, /*ordered =*/ false };
    if (!head_fixture(shape, backend).supported(backend, top(3))) {
        printf("%s does not have the op\n", name);
        return 1;
    }
    shape.codes = true;
    const bool has_codes = head_fixture(shape, backend).supported(backend, top(3));
    if (!has_codes) {
        printf("%s does not take codes\n", name);
    }
    op_test test = { check, backend, /*is_cpu =*/ false, has_codes, nullptr };
    test.test_all();
    test.test_sampling();
    printf("%s does not support %d heads\n", name, test.n_skipped);

    ggml_backend_free(backend);
    return check.finish();
}

int main(int argc, char ** argv) {
    ggml_backend_load_all();
    if (argc == 3 && strcmp(argv[1], "--device") == 0) {
        return test_device(argv[2]);
    }
    if (argc > 1) {
        printf("usage: test-flash-head [--device NAME]\n"
               "tests the FLASH_HEAD operation on the CPU, or on the device of this name, e.g. CUDA0\n");
        return 2;
    }
    return test_cpu();
}
