// Runs a model of tiny-models on the CPU. For several prompts it prints the top token after each token of the prompt
// and of a continuation. FlashHead's log lines go to standard error.
//     tiny-tokens FILE
// It loads the libllama in its own folder: a copy beside a stock libllama runs that one.

#include "ggml-backend.h"
#include "llama.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

static const int N_PROMPT = 8, N_CONTINUED = 12;

[[noreturn]] static void fail(const char * what) {
    fprintf(stderr, "error: %s\n", what);
    exit(1);
}

static llama_token likeliest(llama_context * ctx, int n_vocab, int i) {
    const float * logits = llama_get_logits_ith(ctx, i);
    if (logits == nullptr) {
        fail("there are no logits");
    }
    return (llama_token) (std::max_element(logits, logits + n_vocab) - logits);
}

// Decodes tokens at position n_past and prints the top token after each. Returns the last.
static llama_token decode(llama_context * ctx, int n_vocab, const std::vector<llama_token> & tokens, int n_past) {
    llama_batch batch = llama_batch_init((int32_t) tokens.size(), 0, 1);
    batch.n_tokens = (int32_t) tokens.size();
    for (int32_t i = 0; i < batch.n_tokens; i++) {
        batch.token[i]     = tokens[i];
        batch.pos[i]       = n_past + i;
        batch.n_seq_id[i]  = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i]    = true;
    }
    if (llama_decode(ctx, batch) != 0) {
        fail("the model cannot be decoded");
    }
    llama_token last = 0;
    for (int32_t i = 0; i < batch.n_tokens; i++) {
        last = likeliest(ctx, n_vocab, i);
        printf("%d ", last);
    }
    llama_batch_free(batch);
    return last;
}

int main(int argc, char ** argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE\n", argv[0]);
        return 2;
    }
    llama_log_set([](ggml_log_level level, const char * text, void *) {
        if (level >= GGML_LOG_LEVEL_ERROR || strstr(text, "flash_head: ") != nullptr) {
            fputs(text, stderr);
        }
    }, nullptr);
    ggml_backend_load_all();
    llama_model_params model_params = llama_model_default_params();
    model_params.n_gpu_layers = 0;
    model_params.progress_callback = [](float, void *) { return true; }; // no dots
    llama_model * model = llama_model_load_from_file(argv[1], model_params);
    if (model == nullptr) {
        fail("the model cannot be loaded");
    }
    const int n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    for (int seed = 0; seed < 3; seed++) {
        llama_context_params params = llama_context_default_params();
        params.n_ctx     = 256;
        params.n_threads = params.n_threads_batch = 1;
        llama_context * ctx = llama_init_from_model(model, params);
        if (ctx == nullptr) {
            fail("there is no context for the model");
        }
        std::vector<llama_token> tokens;
        for (int i = 0; i < N_PROMPT; i++) {
            tokens.push_back(2 + (seed*37 + i*i*31 + i*17)%126);
        }
        if (llama_model_has_encoder(model)) {
            if (llama_encode(ctx, llama_batch_get_one(tokens.data(), (int32_t) tokens.size())) != 0) {
                fail("the model cannot be encoded");
            }
            tokens = { std::max(llama_model_decoder_start_token(model), 0) };
        }
        int n_past = 0;
        for (int n = 0; n < N_CONTINUED; n++) {
            const llama_token next = decode(ctx, n_vocab, tokens, n_past);
            n_past += (int) tokens.size();
            tokens = { next };
        }
        printf("\n");
        llama_free(ctx);
    }
    llama_model_free(model);
    return 0;
}
