// Tests of loading a model's head: the cluster map with every kind of damage, the environment variables, the centroids,
// the cluster-ordered copy and the codes.

#include "check.h"
#include "head-codes.h"
#include "head-stream.h"

#include "flash-head-build.h"
#include "flash-head-encode.h"
#include "flash-head-map.h"
#include "flash-head-max-rows.h"
#include "flash-head-settings.h"
#include "flash-head-vocab.h"
#include "ggml-cpp.h"
#include "ggml-flash-head.h"

#include <functional>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static checker check;

static const int64_t N_EMBD  = 64;
static const int64_t N_VOCAB = 10;

// A valid map: 10 tokens in 4 clusters.
static gguf_context_ptr sound() {
    gguf_context_ptr g(gguf_init_empty());
    const uint32_t assignments[N_VOCAB] = { 3, 0, 1, 2, 0, 1, 3, 3, 2, 0 };
    const uint32_t pinned[]             = { 7, 2, 7 };
    gguf_set_val_u32 (g.get(), "flashhead.version", 2);
    gguf_set_val_u32 (g.get(), "flashhead.cluster_count", 4);
    gguf_set_val_u32 (g.get(), "flashhead.probe_count", 2);
    gguf_set_val_str (g.get(), "flashhead.centroid_type", "q4_0");
    gguf_set_arr_data(g.get(), "flashhead.assignments", GGUF_TYPE_UINT32, assignments, N_VOCAB);
    gguf_set_arr_data(g.get(), "flashhead.pinned_tokens", GGUF_TYPE_UINT32, pinned, 3);
    return g;
}

static void test_sound() {
    const gguf_context_ptr g = sound();
    flash_head_map map;
    std::string error;
    check(flash_head_map_present(g.get()), "the keys are not seen");
    check(flash_head_map_read(g.get(), N_EMBD, N_VOCAB, map, error), "a valid map is refused: %s", error.c_str());
    check(map.n_cluster == 4 && map.n_probe == 2 && map.centroid_type == GGML_TYPE_Q4_0, "K, P or type are wrong");
    check(map.tokens  == std::vector<int32_t>({ 1, 4, 9, 2, 5, 3, 8, 0, 6, 7 }), "the order of the tokens is wrong");
    check(map.offsets == std::vector<int32_t>({ 0, 3, 5, 7, 10 }), "the offsets are wrong");
    check(map.pinned  == std::vector<int32_t>({ 2, 7 }), "pinned tokens are not sorted and unique");

    const gguf_context_ptr none(gguf_init_empty());
    check(!flash_head_map_present(none.get()), "keys are seen where there are none");
}

// Checks that a map g after damage(g) is refused with an error that contains `expected`.
static void refused(const char * expected, const std::function<void(gguf_context *)> & damage,
        const gguf_context_ptr g = sound()) {
    damage(g.get());
    flash_head_map map;
    std::string error;
    const bool read = flash_head_map_read(g.get(), N_EMBD, N_VOCAB, map, error);
    check(!read && error.find(expected) != std::string::npos, "expected an error with '%s', got %s '%s'", expected,
            read ? "success" : "error", error.c_str());
}

static void test_damaged() {
    for (int64_t n_embd : { (int64_t) 0, (int64_t) INT32_MAX + 1, INT64_MAX/8*8 }) {
        flash_head_map map;
        std::string error;
        check(!flash_head_map_read(sound().get(), n_embd, N_VOCAB, map, error)
                && error.find("columns") != std::string::npos, "%lld columns are accepted", (long long) n_embd);
    }
    for (const char * key : { "flashhead.version", "flashhead.cluster_count", "flashhead.probe_count",
            "flashhead.centroid_type", "flashhead.assignments" }) {
        refused(key, [&](gguf_context * g) { gguf_remove_key(g, key); });
        refused(key, [&](gguf_context * g) { gguf_set_val_f32(g, key, 1.0f); });
    }
    refused("flashhead.pinned_tokens", [](gguf_context * g) { gguf_set_val_str(g, "flashhead.pinned_tokens", "7"); });
    refused("version is 1", [](gguf_context * g) { gguf_set_val_u32(g, "flashhead.version", 1); });

    for (uint32_t k : { 0u, 1u, 11u, 0xffffffffu }) {
        refused("cluster_count is", [&](gguf_context * g) { gguf_set_val_u32(g, "flashhead.cluster_count", k); });
    }
    for (uint32_t p : { 0u, 5u, 0xffffffffu }) {
        refused("probe_count is", [&](gguf_context * g) { gguf_set_val_u32(g, "flashhead.probe_count", p); });
    }
    // 64 columns are no multiple of q6_K's 256
    for (const char * type : { "", "q9_9", "i32", "iq1_s", "q8_1", "q8_K", "q6_K" }) {
        refused("centroid_type", [&](gguf_context * g) { gguf_set_val_str(g, "flashhead.centroid_type", type); });
    }

    // an error is one printable line, whatever the file contains
    refused("centroid_type q4_0??[2J???????????????????????... does not fit", [](gguf_context * g) {
        gguf_set_val_str(g, "flashhead.centroid_type", "q4_0\n\x1b[2J\tßßßßßßßßßßßßßßßßßßßßßßß");
    });

    const uint32_t beyond[N_VOCAB] = { 3, 0, 1, 2, 0, 1, 3, 3, 4, 0 };
    const uint32_t empty [N_VOCAB] = { 3, 0, 1, 1, 0, 1, 3, 3, 1, 0 };
    const int32_t  minus [N_VOCAB] = { 3, 0, 1, 2, 0, 1, 3, 3, -1, 0 };
    const float    floats[N_VOCAB] = {};
    const uint32_t pinned[]        = { 10 };
    const struct { const char * expected, * key; gguf_type type; const void * data; size_t n; } arrays[] = {
        { "assignments[8] is 4",    "flashhead.assignments",   GGUF_TYPE_UINT32,  beyond, N_VOCAB     },
        { "cluster 2 empty",        "flashhead.assignments",   GGUF_TYPE_UINT32,  empty,  N_VOCAB     },
        { "assignments[8] is",      "flashhead.assignments",   GGUF_TYPE_INT32,   minus,  N_VOCAB     },
        { "not an array of u32",    "flashhead.assignments",   GGUF_TYPE_FLOAT32, floats, N_VOCAB     },
        { "has 8 entries",          "flashhead.assignments",   GGUF_TYPE_UINT32,  beyond, N_VOCAB - 2 },
        { "has 0 entries",          "flashhead.assignments",   GGUF_TYPE_UINT32,  beyond, 0           },
        { "pinned_tokens[0] is 10", "flashhead.pinned_tokens", GGUF_TYPE_UINT32,  pinned, 1           },
    };
    for (const auto & c : arrays) {
        refused(c.expected, [&](gguf_context * g) { gguf_set_arr_data(g, c.key, c.type, c.data, c.n); });
    }
}

// Architectures that cannot use a map.
static void test_obstacles() {
    check(flash_head_file_obstacle(sound().get()).empty(), "a valid file is refused");
    refused("bitnet", [](gguf_context * g) { gguf_set_val_str(g, "general.architecture", "bitnet"); });
}

// A bias needs codes, and a graph that adds it.
static void test_bias() {
    const struct {
        const char * arch;
        int32_t      n_directions;
        bool         drawn;
        ggml_type    type;
        int64_t      n;
        const char * expected;
    } cases[] = {
        { "phi2",    8, false, GGML_TYPE_F32, N_VOCAB,     ""                             },
        { "phi2",    0, false, GGML_TYPE_F32, N_VOCAB,     "a plain head"                 },
        { "phi2",    0, true,  GGML_TYPE_F32, N_VOCAB,     "FLASHHEAD_MODE=sample"        },
        { "phi2",    8, false, GGML_TYPE_F16, N_VOCAB,     "not one F32 number"           },
        { "phi2",    8, false, GGML_TYPE_F32, N_VOCAB - 1, "not one F32 number"           },
        { "dream",   8, false, GGML_TYPE_F32, N_VOCAB,     "does not add the head's bias" },
        { "qwen2vl", 8, false, GGML_TYPE_F32, N_VOCAB,     "does not add the head's bias" },
    };
    for (const auto & c : cases) {
        const gguf_context_ptr g = sound();
        gguf_set_val_str(g.get(), "general.architecture", c.arch);
        flash_head_map map;
        map.cluster.resize(N_VOCAB);
        map.n_directions = c.n_directions;
        const std::string got = flash_head_bias_obstacle(g.get(), map, c.drawn, c.type, c.n);
        check(got.empty() == (*c.expected == '\0') && got.find(c.expected) != std::string::npos,
                "a bias of %s: expected '%s', got '%s'", c.arch, c.expected, got.c_str());
    }
}

// The number of rows that the runtime uses of a head.
static void test_vocab() {
    ggml_context_ptr ctx(ggml_init({ 4*ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
    ggml_tensor * head = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, N_EMBD, N_VOCAB);
    ggml_set_name(head, "token_embd.weight");
    const gguf_context_ptr g = sound();
    check(flash_head_n_vocab(g.get(), ctx.get(), head) == N_VOCAB, "a head without an architecture is truncated");
    gguf_set_val_str(g.get(), "general.architecture", "gemma3n");
    check(flash_head_n_vocab(g.get(), ctx.get(), head) == N_VOCAB,
            "a gemma3n without per-layer embeddings is truncated");
    ggml_tensor * by_layer = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, N_EMBD, N_VOCAB - 3);
    ggml_set_name(by_layer, "per_layer_token_embd.weight");
    check(flash_head_n_vocab(g.get(), ctx.get(), head) == N_VOCAB - 3, "a gemma3n is not truncated");
    ggml_set_name(head, "output.weight");
    check(flash_head_n_vocab(g.get(), ctx.get(), head) == N_VOCAB, "an untied head is truncated");
    ggml_set_name(head, "token_embd.weight");
    gguf_set_val_str(g.get(), "general.architecture", "gemma4");
    check(flash_head_n_vocab(g.get(), ctx.get(), head) == N_VOCAB, "a gemma4 is truncated");
}

static void set_floats(gguf_context * g, const char * key, const std::vector<float> & values) {
    gguf_set_arr_data(g, key, GGUF_TYPE_FLOAT32, values.data(), values.size());
}

// A valid map with codes of 12 directions.
static gguf_context_ptr with_codes() {
    gguf_context_ptr g = sound();
    std::vector<float> rows(12*N_EMBD), activations(12*N_EMBD), variances(12), weights(N_EMBD, 1.0f);
    for (size_t i = 0; i < rows.size(); i++) {
        rows[i]        = (float) (i % 13) - 6.0f;
        activations[i] = (float) i;
    }
    for (size_t j = 0; j < variances.size(); j++) { variances[j] = 1.0f/(1.0f + j); }
    gguf_set_val_u32(g.get(), "flashhead.code.coarse_bits", 24);
    gguf_set_val_u32(g.get(), "flashhead.code.fine_bytes",  32);
    gguf_set_val_u32(g.get(), "flashhead.code.near_tokens", 5);
    gguf_set_val_f32(g.get(), "flashhead.code.tolerance",   0.25f);
    set_floats(g.get(), "flashhead.code.variances",   variances);
    set_floats(g.get(), "flashhead.code.rows",        rows);
    set_floats(g.get(), "flashhead.code.activations", activations);
    set_floats(g.get(), "flashhead.code.weights",     weights);
    return g;
}

static void test_code_keys() {
    flash_head_map map;
    std::string error;
    check(flash_head_map_read(sound().get(), N_EMBD, N_VOCAB, map, error) && map.n_directions == 0,
            "codes are found where there are none");
    check(flash_head_map_read(with_codes().get(), N_EMBD, N_VOCAB, map, error), "valid codes are refused: %s",
            error.c_str());
    check(map.n_directions == 16 && map.coarse_bits == 24 && map.fine_bytes == 32 && map.n_near == 5
            && map.tolerance == 0.25f && map.code_rows.size() == 16*N_EMBD && map.code_activations[77] == 77.0f
            && map.code_variances[3] == 0.25f && map.code_variances[15] == 0.0f
            && map.code_weights.size() == (size_t) N_EMBD, "codes are read wrong");

    auto refused_codes = [](const char * expected, const std::function<void(gguf_context *)> & damage) {
        refused(expected, damage, with_codes());
    };
    for (const char * key : { "flashhead.code.coarse_bits", "flashhead.code.fine_bytes", "flashhead.code.near_tokens",
            "flashhead.code.variances", "flashhead.code.rows", "flashhead.code.activations",
            "flashhead.code.weights" }) {
        refused_codes(key, [&](gguf_context * g) { gguf_remove_key(g, key); });
        refused_codes(key, [&](gguf_context * g) { gguf_set_val_f32(g, key, 1.0f); });
    }
    const std::pair<const char *, std::vector<uint32_t>> limits[] = {
        { "flashhead.code.coarse_bits", { 0, 4, 12, 264, 0xfffffff8u } },
        { "flashhead.code.fine_bytes",  { 31, 2080, 0xffffffe0u } },
        { "flashhead.code.near_tokens", { 0, 11, 0xffffffffu } },
    };
    for (const auto & [key, values] : limits) {
        for (uint32_t value : values) {
            refused_codes(key, [&, key = key](gguf_context * g) { gguf_set_val_u32(g, key, value); });
        }
    }
    refused_codes("flashhead.code.variances", [](gguf_context * g) { // 60 bits at most
        gguf_set_val_u32(g, "flashhead.code.coarse_bits", 64);
    });
    refused_codes("has 704 entries, not 768", [](gguf_context * g) {
        set_floats(g, "flashhead.code.rows", std::vector<float>(11*N_EMBD));
    });
    for (float bad : { NAN, INFINITY, -1.0f }) {
        std::vector<float> values(N_EMBD);
        values[10] = bad;
        refused_codes("weights[10] is", [&](gguf_context * g) { set_floats(g, "flashhead.code.weights", values); });
    }
    // the tolerance is optional
    gguf_context_ptr g = with_codes();
    gguf_remove_key(g.get(), "flashhead.code.tolerance");
    check(flash_head_map_read(g.get(), N_EMBD, N_VOCAB, map, error) && map.tolerance == 0.0f, "no tolerance: %f, %s",
            map.tolerance, error.c_str());
    for (float bad : { NAN, INFINITY, -1e-3f }) {
        refused_codes("tolerance is", [&](gguf_context * g) { gguf_set_val_f32(g, "flashhead.code.tolerance", bad); });
    }
    refused_codes("tolerance is", [](gguf_context * g) { gguf_set_val_u32(g, "flashhead.code.tolerance", 1); });
    const std::vector<double> doubles(12*N_EMBD);
    refused_codes("not an array of f32", [&](gguf_context * g) {
        gguf_set_arr_data(g, "flashhead.code.activations", GGUF_TYPE_FLOAT64, doubles.data(), doubles.size());
    });
}

// Near tokens are at least twice the exact ones, and at most all. Without codes there are none.
static void test_near() {
    flash_head_map map;
    std::string error;
    flash_head_map_read(with_codes().get(), N_EMBD, N_VOCAB, map, error); // 10 tokens in 4 clusters, 5 near
    for (const auto & [n_probe, want] : std::vector<std::pair<int32_t, int32_t>>{ { 1, 6 }, { 2, 10 }, { 4, 10 } }) {
        check(flash_head_n_near(map, n_probe) == want, "%d probes have %d near tokens, expected %d", n_probe,
                flash_head_n_near(map, n_probe), want);
    }
    map.n_near = 7;
    check(flash_head_n_near(map, 1) == 7, "%d tokens are near, expected 7", flash_head_n_near(map, 1));

    flash_head_settings settings;
    check(flash_head_settings_resolve(settings, map, GGML_TYPE_F16, N_EMBD, error), "%s", error.c_str());
    const char * codes = ", codes of 24 bits and 32 bytes, 10 near, tolerance 0.25";
    const std::string with = flash_head_summary("CPU", "output.weight", map, settings, "", 0);
    flash_head_map_drop_codes(map);
    const std::string without = flash_head_summary("CPU", "output.weight", map, settings, "", 0);
    check(with.find(codes) != std::string::npos && without.find("codes") == std::string::npos,
            "the summary with codes is '%s', that without '%s'", with.c_str(), without.c_str());
    check(flash_head_n_near(map, 1) == 0 && map.code_rows.empty(), "dropped codes are still there");
}

static flash_head_settings settings_with(const char * name, const char * value, std::string & error) {
    setenv(name, value, 1);
    flash_head_settings settings;
    flash_head_settings_read(settings, error);
    unsetenv(name);
    return settings;
}

static void test_settings() {
    typedef flash_head_settings values;
    const struct { const char * name, * value; bool (* read)(const values & s); } good[] = {
        { "FLASHHEAD_ENABLED",       "0",          [](const values & s) { return !s.enabled; } },
        { "FLASHHEAD_PROBES",        "77",         [](const values & s) { return s.n_probe == 77; } },
        { "FLASHHEAD_PROBES",        "",           [](const values & s) { return s.n_probe == 0; } },
        { "FLASHHEAD_CENTROID_TYPE", "q8_0",       [](const values & s) { return s.centroid_type == GGML_TYPE_Q8_0; } },
        { "FLASHHEAD_MODE",          "sample",     [](const values & s) { return s.mode == GGML_FLASH_HEAD_SAMPLE; } },
        { "FLASHHEAD_TEMPERATURE",   "0.5",        [](const values & s) { return s.temperature == 0.5f; } },
        { "FLASHHEAD_TOLERANCE",     "0",          [](const values & s) { return s.tolerance == 0.0f; } },
        { "FLASHHEAD_TOLERANCE",     "",           [](const values & s) { return s.tolerance < 0.0f; } },
        { "FLASHHEAD_SEED",          "4294967295", [](const values & s) { return s.seed == 4294967295u; } },
        { "FLASHHEAD_SCOPE",         "all",        [](const values & s) { return s.scope == FLASH_HEAD_SCOPE_ALL; } },
        { "FLASHHEAD_SCOPE",         "draft",      [](const values & s) { return s.scope == FLASH_HEAD_SCOPE_DRAFT; } },
        { "FLASHHEAD_SCOPE",         "target",
          [](const values & s) { return s.scope == FLASH_HEAD_SCOPE_TARGET; } },
        { "FLASHHEAD_MAX_ROWS",      "0",          [](const values & s) { return s.max_rows == 0; } },
        { "FLASHHEAD_REORDER",       "0",          [](const values & s) { return !s.reorder; } },
        { "FLASHHEAD_EXACT",         "",           [](const values & s) { return s.exact == -1; } },
        { "FLASHHEAD_EXACT",         "auto",       [](const values & s) { return s.exact == -1; } },
        { "FLASHHEAD_EXACT",         "off",        [](const values & s) { return s.exact == 0; } },
        { "FLASHHEAD_EXACT",         "32",         [](const values & s) { return s.exact == 32; } },
        { "FLASHHEAD_STATS",         "1",          [](const values & s) { return s.stats; } },
    };
    std::string error;
    for (const auto & c : good) {
        const bool read = c.read(settings_with(c.name, c.value, error));
        check(read && error.empty(), "%s=%s is not read: '%s'", c.name, c.value, error.c_str());
    }

    const char * bad[][2] = {
        { "FLASHHEAD_ENABLED", "yes" }, { "FLASHHEAD_PROBES", "0" }, { "FLASHHEAD_PROBES", "12x" },
        { "FLASHHEAD_PROBES", "99999999999999999999" },
        { "FLASHHEAD_CENTROID_TYPE", "q9" }, { "FLASHHEAD_MODE", "best" }, { "FLASHHEAD_TEMPERATURE", "0" },
        { "FLASHHEAD_TEMPERATURE", "nan" }, { "FLASHHEAD_TOLERANCE", "-0.1" }, { "FLASHHEAD_TOLERANCE", "inf" },
        { "FLASHHEAD_SEED", "-1" }, { "FLASHHEAD_MAX_ROWS", "-1" }, { "FLASHHEAD_REORDER", "2" },
        { "FLASHHEAD_EXACT", "0" }, { "FLASHHEAD_EXACT", "33" }, { "FLASHHEAD_EXACT", "on" },
        { "FLASHHEAD_STATS", "2" }, { "FLASHHEAD_SCOPE", "drafts" }, { "FLASHHEAD_SCOPE", "DRAFT" },
    };
    for (const auto & pair : bad) {
        settings_with(pair[0], pair[1], error);
        check(error.find(std::string(pair[0]) + "=" + pair[1]) == 0, "%s=%s is not refused by name: '%s'", pair[0],
                pair[1], error.c_str());
    }
}

// Settings that the user leaves open come from the file, or are defaults for such heads.
static void test_resolve() {
    flash_head_map map;
    std::string error;
    flash_head_map_read(sound().get(), N_EMBD, N_VOCAB, map, error);

    const std::pair<const char *, int32_t> max_rows[] = {
        { "", flash_head_max_rows(GGML_TYPE_F16, false, GGML_FLASH_HEAD_TOP) }, { "0", 0 }, { "3", 3 },
    };
    for (const auto & [value, want] : max_rows) {
        flash_head_settings settings = settings_with("FLASHHEAD_MAX_ROWS", value, error);
        check(flash_head_settings_resolve(settings, map, GGML_TYPE_F16, N_EMBD, error),
                "valid settings are refused: %s", error.c_str());
        check(settings.max_rows == want, "FLASHHEAD_MAX_ROWS=%s is %d rows, expected %d", value, settings.max_rows,
                want);
        check(settings.n_probe == map.n_probe && settings.centroid_type == map.centroid_type,
                "the file's settings are not used");
    }
    for (int type = 0; type < GGML_TYPE_COUNT; type++) {
        for (bool codes : { false, true }) {
            for (int32_t mode : { GGML_FLASH_HEAD_TOP, GGML_FLASH_HEAD_SAMPLE }) {
                check(flash_head_max_rows((ggml_type) type, codes, mode) > 0, "type %d has no limit of rows", type);
            }
        }
    }

    // all, draft, target: has target, has draft
    const bool has[3][2] = { { true, true }, { false, true }, { true, false } };
    for (flash_head_scope scope : { FLASH_HEAD_SCOPE_ALL, FLASH_HEAD_SCOPE_DRAFT, FLASH_HEAD_SCOPE_TARGET }) {
        for (bool draft : { false, true }) {
            check(flash_head_scope_has(scope, draft) == has[scope][draft], "scope %s is wrong about %s",
                    flash_head_scope_name(scope), draft ? "drafts" : "targets");
        }
    }
}

static void test_build() {
    flash_head_map map;
    std::string error;
    flash_head_map_read(sound().get(), N_EMBD, N_VOCAB, map, error);

    std::vector<float> weight(N_VOCAB*N_EMBD);
    for (size_t i = 0; i < weight.size(); i++) { weight[i] = (float) ((i*7919) % 101) - 50.0f; }

    for (int n_threads : { 1, 3, 16 }) {
        std::vector<float> centroids(map.n_cluster*N_EMBD), ordered(weight.size());
        flash_head_build(map, { weight.data(), FLASH_HEAD_BY_TOKEN, GGML_TYPE_F32, N_EMBD }, GGML_TYPE_F32,
                centroids.data(), ordered.data(), n_threads);

        // quantised in parts by several threads, the centroids equal those quantised at once
        const size_t size = map.n_cluster*ggml_row_size(GGML_TYPE_Q4_0, N_EMBD);
        std::vector<uint8_t> blocks(size), expected(size);
        flash_head_build_centroids(map, { weight.data(), FLASH_HEAD_BY_TOKEN, GGML_TYPE_F32, N_EMBD }, GGML_TYPE_Q4_0,
                blocks.data(), n_threads);
        ggml_quantize_chunk(GGML_TYPE_Q4_0, centroids.data(), expected.data(), 0, map.n_cluster, N_EMBD, nullptr);
        check(blocks == expected, "centroids in q4_0 differ on %d threads", n_threads);

        // cluster 1 is tokens 2 and 5
        for (int64_t i = 0; i < N_EMBD; i++) {
            const float mean = (weight[2*N_EMBD + i] + weight[5*N_EMBD + i])/2;
            check(fabsf(centroids[N_EMBD + i] - mean) < 1e-5f, "centroid 1, column %d: %f, expected %f", (int) i,
                    centroids[N_EMBD + i], mean);
        }
        for (int64_t pos = 0; pos < N_VOCAB; pos++) {
            check(memcmp(&ordered[pos*N_EMBD], &weight[map.tokens[pos]*N_EMBD], N_EMBD*sizeof(float)) == 0,
                    "row %d of the copy is not token %d", (int) pos, map.tokens[pos]);
        }
    }
}

// Weights that are not finite, huge or denormal change only their own cluster, whatever the type of the centroids.
static void test_build_hostile() {
    const int64_t n_embd = 256; // a block of every type
    flash_head_map map;
    std::string error;
    flash_head_map_read(sound().get(), N_EMBD, N_VOCAB, map, error);

    std::vector<float> good(N_VOCAB*n_embd);
    for (size_t i = 0; i < good.size(); i++) { good[i] = (float) ((i*7919) % 101)/50.0f - 1.0f; }

    const float bad[] = { NAN, INFINITY, -INFINITY, 0.0f, 3.4e38f, -3.4e38f, 1e-45f };
    for (int t = 0; t < GGML_TYPE_COUNT; t++) {
        const ggml_type type = (ggml_type) t;
        if (ggml_type_name(type) == nullptr || flash_head_centroid_type(ggml_type_name(type)) != type) {
            continue;
        }
        const size_t row = ggml_row_size(type, n_embd);
        std::vector<uint8_t> expected(map.n_cluster*row);
        flash_head_build_centroids(map, { good.data(), FLASH_HEAD_BY_TOKEN, GGML_TYPE_F32, n_embd }, type,
                expected.data(), 1);
        for (float value : bad) {
            for (bool whole : { false, true }) {
                std::vector<float> weight(good); // tokens 1, 4 and 9 are cluster 0
                std::fill_n(weight.begin() + 4*n_embd, whole ? n_embd : 1, value);
                std::vector<uint8_t> centroids(map.n_cluster*row);
                flash_head_build_centroids(map, { weight.data(), FLASH_HEAD_BY_TOKEN, GGML_TYPE_F32, n_embd }, type,
                        centroids.data(), 2);
                check(std::equal(centroids.begin() + row, centroids.end(), expected.begin() + row),
                        "%f in a row changes other clusters, centroids in %s",
                        value, ggml_type_name(type));
            }
        }
    }
}

int main() {
    test_sound();
    test_damaged();
    test_obstacles();
    test_bias();
    test_vocab();
    test_code_keys();
    test_near();
    test_settings();
    test_resolve();
    test_build();
    test_build_hostile();
    test_streams(check);
    test_codes(check);
    return check.finish();
}
