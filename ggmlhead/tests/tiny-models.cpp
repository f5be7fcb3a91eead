// Writes tiny models with random weights, one for each architecture of this llama.cpp, for the table in
// docs/architectures.md:
//     tiny-models DIR [ARCHITECTURE ...]
//     llama untied tied
//     bert none
// A line of output names an architecture's files: ARCHITECTURE-untied.gguf has an output.weight, -tied.gguf has
// none, -bias.gguf also has an output.bias, and gemma3n-library.gguf is like the model in Ollama's library.
//
// llama.cpp's own loader says which tensors a model has. The keys come from llama.cpp's test of its architectures,
// compiled in unchanged. Each model is made in its own process, because some abort.

int upstream_main(int argc, char ** argv);
#define main upstream_main
#include "../../tests/test-llama-archs.cpp"
#undef main

#include <set>
#include <sys/wait.h>
#include <unistd.h>

static const char * const HEAD      = "output.weight";
static const char * const BIAS      = "output.bias";
static const char * const EMBEDDING = "token_embd.weight";

// The tensors of a model, in the order of creation.
struct recorder {
    ggml_context_ptr           ctx;
    std::set<std::string>      names;
    std::vector<ggml_tensor *> tensors;
};

static bool is_scale(const std::string & name) {
    const std::string end = "scale";
    return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

// Fills a tensor that llama.cpp has created, and keeps a copy.
static void record(ggml_tensor * tensor, void * data) {
    recorder & r = *(recorder *) data;
    tensor_data_params params = { 42, 0.1f };
    set_tensor_data(tensor, &params);
    if (!r.names.insert(tensor->name).second) {
        return; // a tied head is the embedding again
    }
    ggml_tensor * copy = ggml_dup_tensor(r.ctx.get(), tensor);
    ggml_set_name(copy, tensor->name);
    ggml_backend_tensor_get(tensor, copy->data, 0, ggml_nbytes(tensor));
    if (is_scale(copy->name) && copy->type == GGML_TYPE_F32) { // scales of weights must not be negative
        std::fill_n((float *) copy->data, ggml_nelements(copy), 1.0f);
    }
    r.tensors.push_back(copy);
}

// Adds keys that the architecture's fixture lacks.
static void complete(llm_arch arch, gguf_context * gguf) {
    const std::string prefix = llm_arch_name(arch);
    if (arch == LLM_ARCH_GEMMA4) { // every fifth layer has full attention
        const bool pattern[] = { true, true, true, true, false };
        gguf_set_arr_data(gguf, (prefix + ".attention.sliding_window_pattern").c_str(), GGUF_TYPE_BOOL, pattern, 5);
    }
}

// Writes the keys and the tensors of r, except those in `without`.
static void write(const gguf_context * keys, const recorder & r, const std::set<std::string> & without,
        const std::string & path) {
    gguf_context_ptr out(gguf_init_empty());
    gguf_set_kv(out.get(), keys);
    for (const ggml_tensor * t : r.tensors) {
        if (without.count(t->name) == 0) {
            gguf_add_tensor(out.get(), t);
        }
    }
    gguf_write_to_file(out.get(), path.c_str(), /*only_meta =*/ false);
}

// Like gemma3n in Ollama's library: the embedding and the tokenizer have more tokens than the per-layer embeddings.
static void write_library(gguf_context * keys, const recorder & r, const std::string & path) {
    const int64_t n_more = 32;
    recorder longer;
    longer.ctx.reset(ggml_init({ (size_t) 1 << 24, nullptr, /*.no_alloc =*/ false }));
    longer.tensors = r.tensors;
    for (ggml_tensor *& t : longer.tensors) {
        if (strcmp(t->name, EMBEDDING) == 0) {
            ggml_tensor * more = ggml_new_tensor_2d(longer.ctx.get(), t->type, t->ne[0], t->ne[1] + n_more);
            memcpy(more->data, t->data, ggml_nbytes(t));
            memset((char *) more->data + ggml_nbytes(t), 0x3f, ggml_nbytes(more) - ggml_nbytes(t)); // large weights
            ggml_set_name(more, EMBEDDING);
            t = more;
            std::vector<std::string>  names;
            std::vector<const char *> tokens;
            for (int64_t i = 0; i < more->ne[1]; i++) {
                names.push_back("tok_" + std::to_string(i));
            }
            for (const std::string & name : names) {
                tokens.push_back(name.c_str());
            }
            const std::vector<float>   scores(tokens.size());
            const std::vector<int32_t> types(tokens.size(), 1);
            gguf_set_arr_str (keys, "tokenizer.ggml.tokens", tokens.data(), tokens.size());
            gguf_set_arr_data(keys, "tokenizer.ggml.scores",     GGUF_TYPE_FLOAT32, scores.data(), scores.size());
            gguf_set_arr_data(keys, "tokenizer.ggml.token_type", GGUF_TYPE_INT32,   types.data(),  types.size());
        }
    }
    write(keys, longer, { HEAD, BIAS }, path);
}

// Writes the models of an architecture and returns their kinds.
static std::vector<std::string> make(llm_arch arch, bool moe, const std::string & dir) {
    gguf_context_ptr gguf = get_gguf_ctx(arch, moe);
    complete(arch, gguf.get());
    recorder r;
    r.ctx.reset(ggml_init({ (size_t) 1 << 30, nullptr, /*.no_alloc =*/ false }));
    llama_model_params params = llama_model_default_params();
    params.progress_callback = silent_model_load_progress;
    llama_model_ptr model(llama_model_init_from_user(gguf.get(), record, &r, params));
    if (!model || r.tensors.empty()) {
        return {};
    }
    const std::string path = dir + "/" + llm_arch_name(arch) + "-";
    std::vector<std::string> kinds;
    const bool head = r.names.count(HEAD) > 0, embedding = r.names.count(EMBEDDING) > 0;
    if (head) {
        write(gguf.get(), r, { BIAS }, path + "untied.gguf");
        kinds.push_back("untied");
    }
    if (embedding) {
        write(gguf.get(), r, { HEAD, BIAS }, path + "tied.gguf");
        kinds.push_back("tied");
    }
    if (r.names.count(BIAS) > 0) {
        write(gguf.get(), r, {}, path + "bias.gguf");
        kinds.push_back("bias");
    }
    if (arch == LLM_ARCH_GEMMA3N) {
        write_library(gguf.get(), r, path + "library.gguf");
        kinds.push_back("library");
    }
    return kinds;
}

// The same in a child process, which may crash.
static std::string make_apart(llm_arch arch, const std::string & dir) {
    int fds[2];
    if (pipe(fds) != 0) {
        return "none";
    }
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        close(fds[0]);
        std::string said;
        try {
            for (const std::string & kind : make(arch, moe_mandatory(arch), dir)) {
                said += (said.empty() ? "" : " ") + kind;
            }
        } catch (const std::exception & e) {
            fprintf(stderr, "%s: %s\n", llm_arch_name(arch), e.what());
        }
        const ssize_t n = ::write(fds[1], said.data(), said.size());
        _exit(n == (ssize_t) said.size() ? 0 : 1);
    }
    close(fds[1]);
    char said[64] = {};
    const ssize_t n = read(fds[0], said, sizeof(said) - 1);
    close(fds[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return n > 0 && status == 0 ? said : "none";
}

int main(int argc, char ** argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s DIR [ARCHITECTURE ...]\n", argv[0]);
        return 2;
    }
    llama_log_set([](ggml_log_level level, const char * text, void *) {
        if (level >= GGML_LOG_LEVEL_ERROR) {
            fputs(text, stderr);
        }
    }, nullptr);
    ggml_backend_load_all();
    const std::set<std::string> wanted(argv + 2, argv + argc);
    for (const llm_arch & arch : llm_arch_all()) {
        if (arch != LLM_ARCH_UNKNOWN && (wanted.empty() || wanted.count(llm_arch_name(arch)) > 0)) {
            printf("%s %s\n", llm_arch_name(arch), make_apart(arch, argv[1]).c_str());
            fflush(stdout);
        }
    }
    return 0;
}
