// Tests of the plug-in as its host sees it: loaded into ggml's libraries, asked for weights, filled in pieces,
// computing beside the CPU backend.
//
//   test-flash-head-backend LIBRARIES PLUGIN -m a,b --model c -md d --spec-draft-model e
//
// LIBRARIES is the folder of ggml's libraries, PLUGIN the path of libggml-flashhead.so. test_files reads the options
// from the command line of this process.

#include "backend-fixture.h"

#include "flash-head-files.h"
#include "flash-head-host-versions.h"
#include "flash-head-mapping.h"
#include "flash-head-pages.h"

#include <chrono>
#include <stdlib.h>
#include <thread>
#include <unistd.h>

static void test_files() {
    const std::vector<std::string> named = { "a,b", "a", "b", "c" };
    check(flash_head_files_named() == named, "the models of the command line are not found");
    check(flash_head_drafts_named() == std::vector<std::string>({ "d", "e" }),
            "the drafts of the command line are not found");
    setenv("LLAMA_ARG_SPEC_DRAFT_MODEL", "f", 1);
    check(flash_head_drafts_named() == std::vector<std::string>({ "d", "e", "f" }),
            "the draft of the environment is not found");
    unsetenv("LLAMA_ARG_SPEC_DRAFT_MODEL");

    model_file file(HEAD, GGML_TYPE_F32, 64, 96, 6);
    flash_head_file found, same;
    check(flash_head_file_find(file.path, found) && !flash_head_file_find(folder, same),
            "a file is not found, or a folder is taken for one");
    auto is_open = [&] {
        std::vector<flash_head_file> open;
        if (!flash_head_files_open(open)) {
            return false;
        }
        return std::any_of(open.begin(), open.end(), [&](const flash_head_file & f) {
            return std::equal(f.id, f.id + 4, found.id) && f.name == file.path;
        });
    };
    check(is_open(), "an open file is not found");
    file.close();
    check(!is_open(), "a closed file is found");

    const size_t size = found.id[2];
    flash_head_mapping end(file.path, size - 100, 100), beyond(file.path, size - 100, 101), nowhere("/nowhere", 0, 1);
    check(end.data != nullptr && end.size == 100, "the end of a file is not mapped");
    check(beyond.data == nullptr && nowhere.data == nullptr, "a missing part of a file is mapped");
    check(end.data != nullptr && memcmp(end.data, file.weight.data() + file.weight.size() - 100, 100) == 0,
            "another part of the file is mapped");
    flash_head_pages_release(end.data, end.size);
    std::vector<uint8_t> own(1024*1024, 42);
    flash_head_pages_release(own.data(), own.size());
    check(std::count(own.begin(), own.end(), 42) == (ptrdiff_t) own.size(), "memory that is not of a file is released");
}

static void test_claims() {
    model_file file(TIED, GGML_TYPE_Q8_0, 64, 96, 6);
    check( wanted(TIED, GGML_TYPE_Q8_0, 64, 96), "a head with a map is not claimed");
    check(!wanted(TIED, GGML_TYPE_Q8_0, 64, 96, GGML_OP_GET_ROWS), "an embedding is claimed");
    check(!wanted(HEAD, GGML_TYPE_Q8_0, 64, 96), "another name is claimed");
    check(!wanted("blk.0.ffn_up.weight", GGML_TYPE_Q8_0, 64, 96), "a layer's weight is claimed");
    {
        captured_log log;
        check(!wanted(TIED, GGML_TYPE_Q8_0, 64, 95), "another shape is claimed");
        check(log.has("is q8_0 [96 x 64], that of the runtime q8_0 [95 x 64]; running dense\n"),
                "another shape is not logged:\n%s", log.text.c_str());
    }
    check(!wanted(TIED, GGML_TYPE_Q4_0, 64, 96), "another type is claimed");

    setenv("FLASHHEAD_MODEL", "", 1);
    check( wanted(TIED, GGML_TYPE_Q8_0, 64, 96), "an empty FLASHHEAD_MODEL counts as a name");
    {
        captured_log log;
        setenv("FLASHHEAD_MODEL", "/nowhere.gguf", 1);
        check(!wanted(TIED, GGML_TYPE_Q8_0, 64, 96), "FLASHHEAD_MODEL is ignored");
        check(log.has("flash_head: FLASHHEAD_MODEL names /nowhere.gguf, which is no GGUF file that can be read; "
                "running dense\n"),
                "a missing FLASHHEAD_MODEL is not logged:\n%s", log.text.c_str());
    }
    setenv("FLASHHEAD_MODEL", file.path.c_str(), 1);
    file.close();
    check( wanted(TIED, GGML_TYPE_Q8_0, 64, 96), "the file of FLASHHEAD_MODEL is not found");
    unsetenv("FLASHHEAD_MODEL");
    check(!wanted(TIED, GGML_TYPE_Q8_0, 64, 96), "the head of a file that is not open is claimed");
    {
        model_file plain(TIED, GGML_TYPE_Q8_0, 64, 96, 6, /*keys =*/ false);
        check(!wanted(TIED, GGML_TYPE_Q8_0, 64, 96), "a head without a map is claimed");
        model_file both(TIED, GGML_TYPE_Q8_0, 64, 96, 6);
        check(!wanted(TIED, GGML_TYPE_Q8_0, 64, 96), "a head that two open files have is claimed");
    }
    model_file damaged(HEAD, GGML_TYPE_Q8_0, 64, 96, 96 + 1); // cannot have more clusters than tokens
    check(!wanted(HEAD, GGML_TYPE_Q8_0, 64, 96), "a head with a damaged map is claimed");
}

static void test_bytes() {
    model_file file(HEAD, GGML_TYPE_Q6_K, 256, 100, 7);
    loaded_weight w(file, HEAD, file.weight);
    if (!check(w.buffer != nullptr, "no buffer")) {
        return;
    }
    check(!ggml_backend_buffer_is_host(w.buffer.get()), "the buffer counts as host memory, but its rows are reordered");
    std::vector<uint8_t> back(file.weight.size());
    ggml_backend_tensor_get(w.weight, back.data(), 0, back.size());
    check(back == file.weight, "the weight reads back differently");
    check(memcmp(w.weight->data, file.weight.data(), file.weight.size()) != 0,
            "the rows are not in cluster order");

    ggml_context_ptr ctx(ggml_init({ ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
    ggml_tensor * part = ggml_view_2d(ctx.get(), w.weight, 256, 10, w.weight->nb[1], 20*w.weight->nb[1]);
    ggml_backend_view_init(part);
    std::vector<uint8_t> rows(ggml_nbytes(part) - 5);
    ggml_backend_tensor_get(part, rows.data(), 5, rows.size());
    check(memcmp(rows.data(), file.weight.data() + 20*w.weight->nb[1] + 5, rows.size()) == 0,
            "a view reads other rows");
}

// Products with a view of a head's rows are not supported, before and after loading.
static void test_view() {
    model_file file(HEAD, GGML_TYPE_F32, 64, 100, 7);
    loaded_weight w(file, HEAD, file.weight);
    ggml_context_ptr ctx(ggml_init({ 16*ggml_tensor_overhead(), nullptr, /*.no_alloc =*/ true }));
    ggml_tensor * x = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, 64, 2);
    ggml_tensor * planned = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, 64, 100);
    ggml_set_name(planned, HEAD);
    ggml_backend_buffer_ptr nothing(ggml_backend_buft_alloc_buffer(ggml_backend_dev_buffer_type(flash_head), 0));
    planned->buffer = nothing.get();
    for (ggml_tensor * whole : { w.weight, planned }) {
        ggml_tensor * part = ggml_view_2d(ctx.get(), whole, 64, 10, whole->nb[1], 20*whole->nb[1]);
        ggml_set_name(part, HEAD);
        check(!ggml_backend_dev_supports_op(flash_head, ggml_mul_mat(ctx.get(), part, x)),
                "a product with a view of a head is supported");
    }
}

// The host computes other ops elsewhere, on the weight in its original order.
static void test_other_op() {
    model_file file(HEAD, GGML_TYPE_F32, 64, 100, 7);
    loaded_weight w(file, HEAD, file.weight);
    host_backends host(1);
    ggml_context_ptr ctx(ggml_init({ 8*ggml_tensor_overhead() + ggml_graph_overhead(), nullptr,
            /*.no_alloc =*/ true }));
    ggml_tensor * tokens = ggml_new_tensor_1d(ctx.get(), GGML_TYPE_I32, 2);
    ggml_set_input(tokens);
    ggml_tensor * rows = ggml_get_rows(ctx.get(), w.weight, tokens);
    ggml_set_output(rows);
    ggml_cgraph * graph = ggml_new_graph(ctx.get());
    ggml_build_forward_expand(graph, rows);
    ggml_backend_sched_alloc_graph(host.sched.get(), graph);
    const int32_t wanted[] = { 42, 7 };
    ggml_backend_tensor_set(tokens, wanted, 0, sizeof(wanted));
    std::vector<float> out(2*64);
    check(ggml_backend_sched_graph_compute(host.sched.get(), graph) == GGML_STATUS_SUCCESS,
            "the host cannot read the weight");
    ggml_backend_tensor_get(rows, out.data(), 0, ggml_nbytes(rows));
    for (int i = 0; i < 2; i++) {
        check(memcmp(&out[i*64], file.weight.data() + wanted[i]*64*sizeof(float), 64*sizeof(float)) == 0,
                "row %d is not token %d", i, wanted[i]);
    }
}

static void test_products() {
    for (ggml_type type : { GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0,
            GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K }) {
        const char * name = type == GGML_TYPE_Q8_0 ? TIED : HEAD;
        model_file file(name, type, 256, 333, 20);
        loaded_weight w(file, name, file.weight, type);
        if (!check(w.buffer != nullptr, "%s: no buffer", ggml_type_name(type))) {
            continue;
        }
        file.close(); // as a loader does
        for (int n_threads : { 1, 2, 4 }) {
            for (int64_t n_rows : { 1, 3, 8, 9, 40 }) {
                // all clusters are probed: up to 8 rows differ only in the order of sums, more run on the CPU backend
                const double d = difference(logits_of(w.weight, n_rows, n_threads),
                        dense_logits(file, n_rows, n_threads));
                check(n_rows > 8 ? d == 0.0 : d < 1e-3, "%s, %d rows, %d threads: off by %g", ggml_type_name(type),
                        (int) n_rows, n_threads, d);
            }
        }
    }
}

static void test_probes() {
    model_file file(HEAD, GGML_TYPE_F32, 64, 320, 20);
    setenv("FLASHHEAD_PROBES", "2", 1);
    loaded_weight w(file, HEAD, file.weight);
    unsetenv("FLASHHEAD_PROBES");
    const std::vector<float> dense = dense_logits(file, 1, 1), sparse = logits_of(w.weight, 1, 1);
    int exact = 0;
    for (size_t i = 0; i < dense.size(); i++) { exact += fabsf(dense[i] - sparse[i]) < 1e-4f; }
    // up to 8 more by chance
    check(exact >= 2*16 && exact <= 2*16 + 2 + 8,
            "%d logits are exact, with 2 clusters of 16 probed and 2 tokens pinned", exact);
    check(fabsf(dense[0] - sparse[0]) < 1e-4f && fabsf(dense[3] - sparse[3]) < 1e-4f, "pinned tokens are not exact");
    std::vector<float> mean(20);
    for (size_t i = 0; i < dense.size(); i++) { mean[file.assignments[i]] += dense[i]/16; }
    int other = 0;
    for (size_t i = 0; i < dense.size(); i++) {
        other += fabsf(dense[i] - sparse[i]) >= 1e-4f && fabsf(mean[file.assignments[i]] - sparse[i]) >= 0.02f;
    }
    check(other == 0, "%d logits are neither exact nor their cluster's mean", other);
    check(difference(logits_of(w.weight, 1, 3), sparse) == 0.0, "the result depends on the number of threads");
    check(difference(logits_of(w.weight, 9, 1), dense_logits(file, 9, 1)) == 0.0, "9 rows are not computed densely");
    check(difference(logits_of(w.weight, 1, 2, /*lora =*/ true), dense) == 0.0,
            "a head with a LoRA adapter is not computed densely");
    check(difference(logits_of(w.weight, 1, 1), sparse) == 0.0, "a head stays dense once its LoRA adapter is gone");
}

static void test_wrong_rows() {
    model_file file(HEAD, GGML_TYPE_F32, 64, 320, 20), other("another.weight", GGML_TYPE_F32, 64, 320, 20, true, 2);
    setenv("FLASHHEAD_PROBES", "2", 1);
    loaded_weight w(file, HEAD, other.weight);
    unsetenv("FLASHHEAD_PROBES");
    for (int64_t n_rows : { 1, 9 }) {
        const double d = difference(logits_of(w.weight, n_rows, 2), dense_logits(other, n_rows, 2));
        check(d < 1e-3, "%d rows of a weight that is not the file's: off by %g", (int) n_rows, d);
    }
}

static void test_bad_setting() {
    model_file file(HEAD, GGML_TYPE_F32, 64, 320, 20);
    setenv("FLASHHEAD_PROBES", "21", 1);
    check(wanted(HEAD, GGML_TYPE_F32, 64, 320), "a head is not claimed because of a bad setting");
    loaded_weight w(file, HEAD, file.weight);
    unsetenv("FLASHHEAD_PROBES");
    check(w.buffer == nullptr, "a weight is loaded despite a bad setting");
}

// FLASHHEAD_SCOPE limits FlashHead to drafts or targets. The environment names the draft file.
static void test_scope() {
    struct { const char * scope; bool draft, taken; const char * said; } cases[] = {
        { "all",    false, true,  "" },
        { "all",    true,  true,  "" },
        { "draft",  false, false, "flash_head: inactive: FLASHHEAD_SCOPE=draft and this is no draft model\n" },
        { "draft",  true,  true,  "" },
        { "target", false, true,  "" },
        { "target", true,  false, "flash_head: inactive: FLASHHEAD_SCOPE=target and this is a draft model\n" },
    };
    for (const auto & c : cases) {
        captured_log log;
        model_file file(HEAD, GGML_TYPE_F32, 64, 320, 20);
        setenv("FLASHHEAD_SCOPE", c.scope, 1);
        setenv("LLAMA_ARG_SPEC_DRAFT_MODEL", c.draft ? file.path.c_str() : "", 1);
        check(wanted(HEAD, GGML_TYPE_F32, 64, 320) == c.taken, "scope %s: a %s is %s", c.scope,
                c.draft ? "draft" : "target", c.taken ? "not claimed" : "claimed");
        check(log.has(c.said), "scope %s: the log does not say '%s' but:\n%s", c.scope, c.said, log.text.c_str());
    }
    model_file file(HEAD, GGML_TYPE_F32, 64, 320, 20);
    setenv("FLASHHEAD_SCOPE", "drafts", 1);
    loaded_weight w(file, HEAD, file.weight);
    check(w.buffer == nullptr, "a weight is loaded despite a bad scope");
    unsetenv("FLASHHEAD_SCOPE");
    unsetenv("LLAMA_ARG_SPEC_DRAFT_MODEL");
}

// The map of a file without keys comes from a map file beside it.
static void test_map_file() {
    model_file file(HEAD, GGML_TYPE_F32, 64, 320, 20, /*keys =*/ false);
    const std::string beside = file.path.substr(0, file.path.size() - strlen(".gguf")) + ".flashhead.gguf";
    {
        captured_log log;
        check(!wanted(HEAD, GGML_TYPE_F32, 64, 320), "a head without a map is claimed");
        check(log.has("flash_head: inactive: the model's file has no flashhead keys, and there is no map beside it\n"),
                "a head without a map is not logged:\n%s", log.text.c_str());
    }
    struct { const char * key; uint64_t value; const char * said; } foreign[] = {
        { "flashhead.map.file_size", 42, "flashhead.map.file_size is 42, the model's file has " },
        { "flashhead.probe_count",   42, "flashhead.probe_count is not a u32; running dense\n" },
        { "general.type",            42, "general.type is not a string; running dense\n" },
    };
    for (const auto & c : foreign) {
        captured_log log;
        file.write_map(beside, HEAD, [&](gguf_context * g) { gguf_set_val_u64(g, c.key, c.value); });
        check(!wanted(HEAD, GGML_TYPE_F32, 64, 320), "a map with another %s is used", c.key);
        check(log.has("flash_head: map " + beside + ": " + c.said), "another %s is not logged:\n%s", c.key,
                log.text.c_str());
    }

    const std::vector<float> dense = dense_logits(file, 1, 1);
    setenv("FLASHHEAD_PROBES", "2", 1);
    {
        captured_log log;
        file.write_map(beside, HEAD, [](gguf_context *) {});
        loaded_weight w(file, HEAD, file.weight);
        check(difference(logits_of(w.weight, 1, 2), dense) > 0.1, "a head with a map file is dense");
        host_backends(1); // logs what is loaded by now
        check(log.has("flash_head: map " + beside + "\nflash_head: active"), "the map file is not logged:\n%s",
                log.text.c_str());
    }
    {
        captured_log log;
        file.write_map(beside, HEAD, [](gguf_context * g) { gguf_set_val_u64(g, "flashhead.map.head_xxh64", 42); });
        loaded_weight w(file, HEAD, file.weight);
        check(difference(logits_of(w.weight, 1, 2), dense) == 0.0, "a head with the map of another is not dense");
        host_backends(1);
        check(log.has("flash_head: map " + beside + ": flashhead.map.head_xxh64 is not that of the head's bytes; "
                "running dense\n") && !log.has("active"), "the map of another head is not logged:\n%s",
                log.text.c_str());
    }
    // beside the path that the process was given, which may be a link
    const std::string given = folder + "/given";
    check(symlink(file.path.c_str(), given.c_str()) == 0, "no link is made");
    setenv("LLAMA_ARG_SPEC_DRAFT_MODEL", given.c_str(), 1);
    file.write_map(given + ".flashhead.gguf", HEAD, [](gguf_context *) {});
    check(wanted(HEAD, GGML_TYPE_F32, 64, 320), "a map beside a link is not used");
    unsetenv("LLAMA_ARG_SPEC_DRAFT_MODEL");
    check(!wanted(HEAD, GGML_TYPE_F32, 64, 320), "a map beside a link that is not named is used");
    unsetenv("FLASHHEAD_PROBES");
    remove(given.c_str());
}

// FLASHHEAD_STATS=1 logs statistics of a model's steps; integration/stats_test.go tests what they count.
static void test_statistics() {
    captured_log log;
    setenv("FLASHHEAD_STATS", "1", 1);
    {
        model_file file(HEAD, GGML_TYPE_F32, 64, 320, 20); // settings are read once a file
        loaded_weight w(file, HEAD, file.weight);
        for (int64_t n_rows : { 1, 9, 2 }) { logits_of(w.weight, n_rows, 3); }
        // all clusters are probed, so all tokens are scored
        const char * three = "statistics of output.weight: steps 3, of them dense 1 (33.3 %); rows 12, of them dense "
                "9 (75.0 %); in each other row 320.0 of 320 tokens scored exactly, ";
        for (int i = 0; i < 1000 && !log.has(three); i++) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        check(log.has("statistics of output.weight: steps 1, ") && log.has("steps 2, "),
                "the first steps are not logged:\n%s", log.text.c_str());
        check(log.has(three), "a pause does not log the steps before it:\n%s", log.text.c_str());

        for (int i = 0; i < 3; i++) { logits_of(w.weight, 1, 1); }
        logits_of(w.weight, 1, 2, /*lora =*/ true);
    }
    check(log.has("statistics of output.weight: steps 7, of them dense 2 (28.6 %); rows 16, of them dense 10 (62.5 "
            "%);"), "the end does not log all steps:\n%s", log.text.c_str());

    {
        model_file file (HEAD,             GGML_TYPE_F32, 64, 320, 20);
        model_file other("another.weight", GGML_TYPE_F32, 64, 320, 20, true, 2);
        loaded_weight w(file, HEAD, other.weight);
        logits_of(w.weight, 1, 2);
    }
    unsetenv("FLASHHEAD_STATS");
    check(log.has("steps 1, of them dense 1 (100.0 %); rows 1, of them dense 1 (100.0 %)\n"),
            "a weight that is not the file's is not logged as dense:\n%s", log.text.c_str());
}

// Known and unknown host versions.
static void test_hosts() {
    check(flash_head_host_lookup("0.25.3", "0c1e57098") == FLASH_HEAD_HOST_TRIED, "the pinned commit is not known");
    check(flash_head_host_lookup("0.25.3", "0c1e570") == FLASH_HEAD_HOST_TRIED, "a short commit is not known");
    check(flash_head_host_lookup("0.25.3", "0c1e5709812345-dirty") == FLASH_HEAD_HOST_TRIED,
            "a long commit with changes is not known");
    for (const char * commit : { "unknown", "", "0c1e57", "1c1e57098", "-dirty" }) {
        check(flash_head_host_lookup("0.25.3", commit) == FLASH_HEAD_HOST_NEAR,
                "commit '%s' of a known version is not near", commit);
        check(flash_head_host_refusal("0.25.3", commit) == "", "commit '%s' of a known version is refused", commit);
    }
    check(flash_head_host_lookup("0.13.1", "unknown") == FLASH_HEAD_HOST_NEAR,
            "a version without a tried commit is not near");
    check(flash_head_host_lookup("0.99.0", "0c1e57098") == FLASH_HEAD_HOST_FOREIGN, "another version is known");
    check(flash_head_host_refusal("0.99.0",
            "abc").find("ggml 0.99.0 (commit abc); update fh-ollama") != std::string::npos,
            "another version is not refused");
    setenv("FLASHHEAD_ANY_HOST", "1", 1);
    check(flash_head_host_refusal("0.99.0", "abc") == "", "FLASHHEAD_ANY_HOST=1 has no effect");
    setenv("FLASHHEAD_ANY_HOST", "yes", 1);
    check(flash_head_host_refusal("0.25.3", "0c1e57098") == "FLASHHEAD_ANY_HOST is neither 0 nor 1",
            "a bad value of FLASHHEAD_ANY_HOST is accepted");
    unsetenv("FLASHHEAD_ANY_HOST");
}

// The CPU backend's function table is patched when a head is claimed, not before.
static void test_threads_watched(void * set_threadpool) {
    const auto now = [] {
        return ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu), "ggml_backend_cpu_set_threadpool");
    };
    {
        model_file plain(HEAD, GGML_TYPE_F32, 64, 96, 6, /*keys =*/ false);
        wanted(HEAD, GGML_TYPE_F32, 64, 96);
        check(now() == set_threadpool, "the function table is patched for a model without a map");
    }
    model_file file(HEAD, GGML_TYPE_F32, 64, 96, 6);
    loaded_weight w(file, HEAD, file.weight);
    check(now() != set_threadpool, "the function table is not patched");
}

// Several contexts of one model run while other models load and unload.
static void test_at_once() {
    model_file file(HEAD, GGML_TYPE_Q8_0, 64, 640, 40);
    loaded_weight w(file, HEAD, file.weight);
    file.close();
    const std::vector<float> want = dense_logits(file, 2, 1);
    std::vector<std::thread> threads;
    std::vector<double> off(3, INFINITY);
    for (size_t i = 0; i < off.size(); i++) {
        threads.emplace_back([&, i] {
            for (int round = 0; round < 10; round++) { off[i] = difference(logits_of(w.weight, 2, 2), want); }
        });
    }
    for (int round = 0; round < 10; round++) {
        model_file next(TIED, GGML_TYPE_F16, 64, 640, 40, true, round);
        loaded_weight v(next, TIED, next.weight, round);
        next.close();
        const double d = difference(logits_of(v.weight, 1, 2), dense_logits(next, 1, 2));
        check(d < 1e-3, "model %d of several: off by %g", round, d);
    }
    for (std::thread & t : threads) { t.join(); }
    for (double d : off) { check(d < 1e-3, "one context of several: off by %g", d); }
}

int main(int argc, char ** argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s LIBRARIES PLUGIN -m a,b --model c -md d --spec-draft-model e\n", argv[0]);
        return 2;
    }
    setenv("FLASHHEAD_MAX_ROWS", "8", 1); // 9 rows are a large batch here
    ggml_backend_load_all_from_path(argv[1]);
    cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    void * set_threadpool = ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu),
            "ggml_backend_cpu_set_threadpool");
    ggml_backend_reg_t reg = ggml_backend_load(argv[2]);
    if (!check(cpu != nullptr && reg != nullptr && ggml_backend_reg_dev_count(reg) == 1, "the plug-in is not loaded")) {
        return check.finish();
    }
    flash_head = ggml_backend_reg_dev_get(reg, 0);
    check(ggml_backend_dev_type(flash_head) == GGML_BACKEND_DEVICE_TYPE_ACCEL, "the device is no accelerator");

    char name[] = "/tmp/test-flash-head-XXXXXX";
    folder = mkdtemp(name);
    test_hosts();
    test_threads_watched(set_threadpool); // before any other test loads a head
    test_files();
    test_claims();
    test_bytes();
    test_view();
    test_other_op();
    test_products();
    test_probes();
    test_wrong_rows();
    test_bad_setting();
    test_at_once();
    test_scope();
    test_map_file();
    test_statistics();
    rmdir(name);
    return check.finish();
}
