// Tests of the RPC backend's questions and answers about heads, without a network.

#include "check.h"
#include "flash-head-rpc.h"
#include "ggml-backend.h"
#include "ggml-cpp.h"
#include "ggml-flash-head.h"
#include "head-fixture.h"

#include <functional>

static checker check;
static ggml_backend_t     backend;
static ggml_backend_dev_t cpu;

static const head_shape PLAIN    = { 64, 400, 25, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 5, true, /*.ordered =*/ false };
static const ggml_flash_head_params PARAMS = { 3, GGML_FLASH_HEAD_TOP, 1.0f, 0, 0, 0, 0, 0.0f, 0 };

static head_shape unpinned() {
    head_shape shape = PLAIN;
    shape.n_pinned = 0;
    return shape;
}

static head_shape coded() {
    head_shape shape = PLAIN;
    shape.codes = true;
    return shape;
}

// An op on a head. All tensors have memory; a test may take it away.
struct node_fixture {
    head_fixture     head;
    ggml_context_ptr ctx;
    ggml_tensor    * node;
    std::vector<float> x, logits;

    explicit node_fixture(const head_shape & shape, ggml_flash_head_params params = PARAMS)
        : head(shape, backend), ctx(ggml_init({ 32*ggml_tensor_overhead(), nullptr, true })),
          x(2*shape.n_embd), logits(2*shape.n_vocab) {
        ggml_tensor * input = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, shape.n_embd, 2);
        params = head.fitted(params);
        node = ggml_flash_head(ctx.get(), head.weight_tensor, input, &head.sources, &params);
        input->data = x.data();
        node->data  = logits.data();
    }

    ggml_tensor * other(ggml_type type, int64_t ne0, int64_t ne1) {
        ggml_tensor * t = ggml_new_tensor_2d(ctx.get(), type, ne0, ne1);
        t->data = x.data(); // never read
        return t;
    }
};

// Replaces a source of an op by another tensor.
struct other_source {
    const char        * what;
    ggml_flash_head_src at;
    ggml_type           type;
    int64_t             ne0, ne1;
};

// Sets a parameter of an op, a number of 32 bits.
struct other_param {
    const char * what;
    size_t       at;
    int32_t      value;
};

// Anything else.
struct other_change {
    const char * what;
    void      (* spoil)(node_fixture & f);
};

static void check_refused(const char * what, const head_shape & shape,
        const std::function<void(node_fixture &)> & spoil) {
    node_fixture f(shape);
    spoil(f);
    check(!flash_head_rpc_accepts(cpu, f.node), "%s is accepted", what);
}

// Checks that a head of this shape is refused after each change.
static void check_refused(const head_shape & shape, const std::vector<other_param> & params,
        const std::vector<other_source> & sources, const std::vector<other_change> & changes) {
    for (const other_param & c : params) {
        check_refused(c.what, shape, [&](node_fixture & f) { f.node->op_params[c.at] = c.value; });
    }
    for (const other_source & c : sources) {
        check_refused(c.what, shape, [&](node_fixture & f) { f.node->src[c.at] = f.other(c.type, c.ne0, c.ne1); });
    }
    for (const other_change & c : changes) {
        check_refused(c.what, shape, c.spoil);
    }
}

// A server checks what a client sends: each of these ops would access memory out of bounds.
static void test_hostile_nodes() {
    for (const head_shape & shape : { PLAIN, unpinned(), coded() }) {
        const node_fixture good(shape);
        check(flash_head_rpc_accepts(cpu, good.node), "a good head is refused");
        check(ggml_flash_head_flaw(good.node) == nullptr, "a good head has a flaw");
    }

    check_refused(PLAIN, {
        { "no probe",                 0, 0  },
        { "a negative probe",         0, -1 },
        { "too many probes",          0, 26 },
        { "an unknown mode",          1, 2  },
        { "grouped",                  4, 1  },
        { "directions without codes", 6, 8  },
    }, {
        { "centroids of another width", GGML_FLASH_HEAD_SRC_CENTROIDS, GGML_TYPE_Q4_0, 32,  25  },
        { "too few centroids",          GGML_FLASH_HEAD_SRC_CENTROIDS, GGML_TYPE_Q4_0, 64,  24  },
        { "centroids of no row type",   GGML_FLASH_HEAD_SRC_CENTROIDS, GGML_TYPE_I32,  64,  25  },
        { "too few places",             GGML_FLASH_HEAD_SRC_PLACES,    GGML_TYPE_I32,  400, 1   },
        { "too few tokens",             GGML_FLASH_HEAD_SRC_TOKENS,    GGML_TYPE_I32,  399, 1   },
        { "tokens of another type",     GGML_FLASH_HEAD_SRC_TOKENS,    GGML_TYPE_F32,  400, 1   },
        { "only one offset",            GGML_FLASH_HEAD_SRC_OFFSETS,   GGML_TYPE_I32,  1,   1   },
        { "pinned of another type",     GGML_FLASH_HEAD_SRC_PINNED,    GGML_TYPE_F32,  5,   1   },
        { "a second copy",              GGML_FLASH_HEAD_SRC_ORDERED,   GGML_TYPE_Q8_0, 64,  400 },
        { "a copy of another size",     GGML_FLASH_HEAD_SRC_ORDERED,   GGML_TYPE_Q8_0, 64,  1   },
        { "incomplete codes",           GGML_FLASH_HEAD_SRC_COARSE,    GGML_TYPE_I8,   256, 7   },
    }, {
        { "a temperature of zero",
          [](node_fixture & f) { f.node->op_params[1] = GGML_FLASH_HEAD_SAMPLE; f.node->op_params[2] = 0; } },
        { "logits too short",       [](node_fixture & f) { f.node->ne[0] = 399; } },
        { "fewer rows of logits",   [](node_fixture & f) { f.node->ne[1] = 1; } },
        { "logits with gaps",       [](node_fixture & f) { f.node->nb[0] = 8; } },
        { "logits of another type", [](node_fixture & f) { f.node->type = GGML_TYPE_F16; } },
        { "logits without memory",  [](node_fixture & f) { f.node->data = nullptr; } },
        { "activations with gaps",  [](node_fixture & f) { f.node->src[GGML_FLASH_HEAD_SRC_X]->nb[0] = 8; } },
        { "a weight with gaps",     [](node_fixture & f) { f.node->src[GGML_FLASH_HEAD_SRC_WEIGHT]->nb[1] *= 2; } },
    });
    for (int s = GGML_FLASH_HEAD_SRC_WEIGHT; s <= GGML_FLASH_HEAD_SRC_BASIS; s++) {
        node_fixture missing(PLAIN), empty(PLAIN);
        if (s >= GGML_FLASH_HEAD_SRC_ORDERED) {
            continue; // not there
        }
        if (s != GGML_FLASH_HEAD_SRC_PINNED) { // which is optional
            missing.node->src[s] = nullptr;
            check(!flash_head_rpc_accepts(cpu, missing.node), "a head without source %d is accepted", s);
        }
        empty.node->src[s]->data = nullptr;
        check(!flash_head_rpc_accepts(cpu, empty.node), "a head whose source %d has no memory is accepted", s);
    }

    node_fixture f(PLAIN);
    f.node->op = GGML_OP_MUL_MAT;
    check(flash_head_rpc_accepts(cpu, f.node), "one of ggml's own ops is refused");
}

// The same for codes, and for a bias, which takes the source of the tokens and needs codes.
static void test_hostile_codes() {
    const int32_t not_a_number = 0x7fc00000, minus_one = (int32_t) 0xbf800000; // floats
    check_refused(coded(), {
        { "no directions",        6, 0            },
        { "more directions",      6, 24           },
        { "minus 8 directions",   6, -8           },
        { "no fine code read",    5, 0            },
        { "too many read",        5, 401          },
        { "a negative tolerance", 7, minus_one    },
        { "no tolerance",         7, not_a_number },
    }, {
        { "too few groups",                 GGML_FLASH_HEAD_SRC_COARSE, GGML_TYPE_I8,  384,         6   },
        { "a group without lines",          GGML_FLASH_HEAD_SRC_COARSE, GGML_TYPE_I8,  128,         7   },
        { "coarse codes of 260 bits",       GGML_FLASH_HEAD_SRC_COARSE, GGML_TYPE_I8,  128 + 65*32, 7   },
        { "coarse codes of another type",   GGML_FLASH_HEAD_SRC_COARSE, GGML_TYPE_I32, 384,         7   },
        { "too few fine codes",             GGML_FLASH_HEAD_SRC_FINE,   GGML_TYPE_I8,  66,          399 },
        { "shorter fine codes",             GGML_FLASH_HEAD_SRC_FINE,   GGML_TYPE_I8,  34,          400 },
        { "fine codes and part of a line",  GGML_FLASH_HEAD_SRC_FINE,   GGML_TYPE_I8,  67,          400 },
        { "a short bias",                   GGML_FLASH_HEAD_SRC_BIAS,   GGML_TYPE_F32, 399,         1   },
    }, {
        { "a short basis",           [](node_fixture & f) { f.node->src[GGML_FLASH_HEAD_SRC_BASIS]->ne[0]--; } },
        { "a basis of another type",
          [](node_fixture & f) { f.node->src[GGML_FLASH_HEAD_SRC_BASIS]->type = GGML_TYPE_I32; } },
        { "a bias of drawn clusters", [](node_fixture & f) {
              f.node->src[GGML_FLASH_HEAD_SRC_BIAS] = f.other(GGML_TYPE_F32, 400, 1);
              f.node->op_params[1] = GGML_FLASH_HEAD_SAMPLE;
          } },
    });
    for (int s : { GGML_FLASH_HEAD_SRC_FINE, GGML_FLASH_HEAD_SRC_COARSE, GGML_FLASH_HEAD_SRC_BASIS }) {
        node_fixture missing(coded()), empty(coded());
        missing.node->src[s] = nullptr;
        check(!flash_head_rpc_accepts(cpu, missing.node), "a head with codes without source %d is accepted", s);
        empty.node->src[s]->data = nullptr;
        check(!flash_head_rpc_accepts(cpu, empty.node), "codes whose source %d has no memory are accepted", s);
    }
    node_fixture biased(coded());
    biased.node->src[GGML_FLASH_HEAD_SRC_BIAS] = biased.other(GGML_TYPE_F32, 400, 1);
    check(flash_head_rpc_accepts(cpu, biased.node), "a bias is refused");
}

static const flash_head_rpc_request GOOD =
        { 0, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 64, 400, 25, 5, GGML_FLASH_HEAD_TOP, 0, 0, 0, 0 };
static const flash_head_rpc_request GOOD_CODES =
        { 0, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, 64, 400, 25, 5, GGML_FLASH_HEAD_TOP, 16, 32, 64, 0 };

// A server answers what its device supports, and no to invalid requests.
static void test_answers() {
    check(flash_head_rpc_answer(cpu, GOOD).supported == 1, "the CPU says no to a head");
    struct { const char * what; uint32_t flash_head_rpc_request::* field; uint32_t value; } const cases[] = {
        { "a weight type",    &flash_head_rpc_request::weight_type,   GGML_TYPE_COUNT },
        { "a weight of ints", &flash_head_rpc_request::weight_type,   GGML_TYPE_I32 },
        { "a centroid type",  &flash_head_rpc_request::centroid_type, 0xffffffff },
        { "an old type",      &flash_head_rpc_request::centroid_type, 4 },
        { "a width",          &flash_head_rpc_request::n_embd,        65 },
        { "no width",         &flash_head_rpc_request::n_embd,        0 },
        { "no tokens",        &flash_head_rpc_request::n_vocab,       0 },
        { "many tokens",      &flash_head_rpc_request::n_vocab,       0xffffffff },
        { "no clusters",      &flash_head_rpc_request::n_cluster,     0 },
        { "many clusters",    &flash_head_rpc_request::n_cluster,     401 },
        { "many pinned",      &flash_head_rpc_request::n_pinned,      401 },
        { "a mode",           &flash_head_rpc_request::mode,          2 },
        { "directions only",  &flash_head_rpc_request::n_directions,  16 },
        { "bits only",        &flash_head_rpc_request::coarse_bits,   32 },
        { "bytes only",       &flash_head_rpc_request::fine_bytes,    64 },
        { "a bias only",      &flash_head_rpc_request::biased,        1 },
    };
    for (const auto & c : cases) {
        flash_head_rpc_request bad = GOOD;
        bad.*c.field = c.value;
        check(flash_head_rpc_answer(cpu, bad).supported == 0, "the CPU says yes to %s", c.what);
    }

    check(flash_head_rpc_answer(cpu, GOOD_CODES).supported == 1, "the CPU says no to codes");
    struct { const char * what; uint32_t flash_head_rpc_request::* field; uint32_t value; bool good; } const codes[] = {
        { "more directions",   &flash_head_rpc_request::n_directions, 256,        true },
        { "no fine code",      &flash_head_rpc_request::fine_bytes,   0,          true },
        { "a bias",            &flash_head_rpc_request::biased,       1,          true },
        { "no directions",     &flash_head_rpc_request::n_directions, 0,          false },
        { "20 directions",     &flash_head_rpc_request::n_directions, 20,         false },
        { "264 directions",    &flash_head_rpc_request::n_directions, 264,        false },
        { "minus 8",           &flash_head_rpc_request::n_directions, 0xfffffff8, false },
        { "no bits",           &flash_head_rpc_request::coarse_bits,  0,          false },
        { "12 bits",           &flash_head_rpc_request::coarse_bits,  12,         false },
        { "264 bits",          &flash_head_rpc_request::coarse_bits,  264,        false },
        { "33 bytes",          &flash_head_rpc_request::fine_bytes,   33,         false },
        { "2080 bytes",        &flash_head_rpc_request::fine_bytes,   2080,       false },
        { "two biases",        &flash_head_rpc_request::biased,       2,          false },
    };
    for (const auto & c : codes) {
        flash_head_rpc_request request = GOOD_CODES;
        request.*c.field = c.value;
        check((flash_head_rpc_answer(cpu, request).supported == 1) == c.good, "codes, %s: a wrong answer", c.what);
    }
    flash_head_rpc_request drawn = GOOD_CODES;
    drawn.biased = 1;
    drawn.mode   = GGML_FLASH_HEAD_SAMPLE;
    check(flash_head_rpc_answer(cpu, drawn).supported == 0, "the CPU says yes to a bias of drawn clusters");
}

// A client asks only servers of this build, and only once for each kind of head.
static void test_questions() {
    const node_fixture f(PLAIN);
    int asked = 0;
    flash_head_rpc_request last = {};
    auto answer = [&](uint8_t supported) {
        return [&asked, &last, supported](const flash_head_rpc_request & request, flash_head_rpc_response & response) {
            asked++;
            last = request;
            response.supported = supported;
        };
    };
    for (int patch = 0; patch < 256; patch++) {
        if (patch != FLASH_HEAD_RPC_PATCH_VERSION) {
            check(!flash_head_rpc_supports("a", (uint8_t) patch, 0, f.node, answer(1)) && asked == 0,
                    "a server of version %d is asked", patch);
        }
    }
    const uint8_t ours = FLASH_HEAD_RPC_PATCH_VERSION;
    check(flash_head_rpc_supports("a", ours, 0, f.node, answer(1)) && asked == 1, "a server's yes is ignored");
    check(memcmp(&last, &GOOD, sizeof(GOOD)) == 0, "the question is about another head");
    check(flash_head_rpc_supports("a", ours, 0, f.node, answer(0)) && asked == 1, "a server is asked again");
    check(!flash_head_rpc_supports("b", ours, 0, f.node, answer(0)) && asked == 2, "another server's no is ignored");
    check(!flash_head_rpc_supports("a", ours, 1, f.node, answer(0)) && asked == 3, "another device's no is ignored");
    check(!flash_head_rpc_supports("a", ours, 0, node_fixture(unpinned()).node, answer(0)) && asked == 4,
            "a no for another head is ignored");

    node_fixture biased(coded());
    biased.node->src[GGML_FLASH_HEAD_SRC_BIAS] = biased.other(GGML_TYPE_F32, 400, 1);
    check(flash_head_rpc_supports("a", ours, 0, node_fixture(coded()).node, answer(1)) && asked == 5,
            "codes count as the head without them");
    check(memcmp(&last, &GOOD_CODES, sizeof(GOOD_CODES)) == 0, "the question is about other codes");
    check(!flash_head_rpc_supports("a", ours, 0, biased.node, answer(0)) && asked == 6,
            "a no for a head with a bias is ignored");

    head_shape grouped = PLAIN, ordered = PLAIN;
    grouped.grouped = true;
    ordered.ordered = true;
    check(!flash_head_rpc_supports("c", ours, 0, node_fixture(grouped).node, answer(1)),
            "grouped centroids are sent to a server");
    check(!flash_head_rpc_supports("c", ours, 0, node_fixture(ordered).node, answer(1)),
            "an ordered copy is sent to a server");
    check(asked == 6, "a server is asked about a head that only a CPU supports");
}

int main() {
    ggml_backend_load_all();
    cpu     = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    backend = ggml_backend_dev_init(cpu, nullptr);

    ggml_log_set([](ggml_log_level, const char *, void *) {}, nullptr); // each refusal is logged
    test_hostile_nodes();
    test_hostile_codes();
    test_answers();
    test_questions();

    ggml_backend_free(backend);
    return check.finish();
}
