#include "flash-head-sampling.h"

#include "flash-head-shortlist.h"
#include "llama-flash-head-active.h"
#include "log.h"

#include <algorithm>
#include <cstring>

static const int32_t MAX_TOP_K   = 128; // above, llama.cpp's top-k uses another algorithm (llama-sampler.cpp)
static const size_t  MAX_CHANGED = 512; // tokens that may be changed one by one

namespace {

// The active samplers before top-k.
struct front {
    std::vector<llama_sampler *> samplers;
    bool                         penalties = false;
    bool                         bias      = false;
};

}

// Reads chain up to its top-k. Returns false if there is none, or if a sampler before it does more than change single
// logits independently.
static bool read_front(llama_sampler * chain, front & result) {
    for (int i = 0; i < llama_sampler_chain_n(chain); i++) {
        llama_sampler * sampler = llama_sampler_chain_get(chain, i);
        const char    * name    = llama_sampler_name(sampler);
        if (name[0] == '?') {
            continue; // disabled
        }
        if (strcmp(name, "top-k") == 0) {
            return true;
        }
        if (strcmp(name, "penalties") == 0) {
            result.penalties = true;
        } else if (strcmp(name, "logit-bias") == 0) {
            result.bias = true;
        } else {
            return false;
        }
        result.samplers.push_back(sampler);
    }
    return false;
}

// The tokens that the front may change, ascending. Returns false if they are too many or not known.
static bool changed_tokens(const front & front, const common_params_sampling & params,
        const std::vector<llama_token> & suppressed,
        const std::vector<llama_token> & recent, size_t n_recent_max, std::vector<llama_token> & tokens) {
    if (front.bias) {
        for (const auto & bias : params.logit_bias) {
            tokens.push_back(bias.token);
        }
        tokens.insert(tokens.end(), suppressed.begin(), suppressed.end());
        std::sort(tokens.begin(), tokens.end());
        if (std::adjacent_find(tokens.begin(), tokens.end()) != tokens.end()) {
            return false; // a token with two biases gets one or both, depending on its place in the list
        }
    }
    if (front.penalties) {
        if ((size_t) params.penalty_last_n > n_recent_max) {
            return false;
        }
        tokens.insert(tokens.end(), recent.end() - std::min(recent.size(), (size_t) params.penalty_last_n),
                recent.end());
        std::sort(tokens.begin(), tokens.end());
        tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    }
    return tokens.size() <= MAX_CHANGED;
}

// their logits after the front, computed by the samplers themselves
static std::vector<flash_head_changed_logit> changed_logits(const front & front,
        const std::vector<llama_token> & tokens,
        const float * logits, int32_t n_vocab) {
    std::vector<llama_token_data> data;
    for (const llama_token token : tokens) {
        if (token >= 0 && token < n_vocab) {
            data.push_back({ token, logits[token], 0.0f });
        }
    }
    llama_token_data_array array = { data.data(), data.size(), -1, false };
    for (llama_sampler * sampler : front.samplers) {
        llama_sampler_apply(sampler, &array);
    }
    std::vector<flash_head_changed_logit> changed;
    for (const auto & entry : data) {
        changed.push_back({ entry.id, entry.logit });
    }
    return changed;
}

bool flash_head_sampling_list(int32_t n_vocab, const std::vector<llama_token> & suppressed, llama_sampler * chain,
        const common_params_sampling & params, const std::vector<llama_token> & recent, size_t n_recent_max,
        const float * logits,
        std::vector<llama_token_data> & list) {
    const int32_t k = params.top_k;
    if (k <= 0 || k > MAX_TOP_K || k >= n_vocab) {
        return false;
    }
    front front;
    std::vector<llama_token> tokens;
    if (!read_front(chain, front) || !changed_tokens(front, params, suppressed, recent, n_recent_max, tokens)) {
        return false;
    }
    const std::vector<flash_head_changed_logit> changed = changed_logits(front, tokens, logits, n_vocab);
    if (!flash_head_shortlist(logits, n_vocab, k, changed, tokens)) {
        return false;
    }
    list.clear();
    for (const llama_token token : tokens) {
        list.push_back({ token, logits[token], 0.0f }); // the chain applies the change
    }
    return true;
}

bool flash_head_sampling_list(const llama_model * model, llama_sampler * chain, const common_params_sampling & params,
        const std::vector<llama_token> & recent, size_t n_recent_max, const float * logits,
        std::vector<llama_token_data> & list) {
    if (!llama_flash_head_active(model)) {
        return false;
    }
    const llama_vocab * vocab   = llama_model_get_vocab(model);
    const int32_t       n_vocab = llama_vocab_n_tokens(vocab);

    int32_t n_suppressed = 0;
    const llama_token * suppressed = llama_vocab_get_suppress_tokens(vocab, &n_suppressed);

    const bool is_short = flash_head_sampling_list(n_vocab,
            std::vector<llama_token>(suppressed, suppressed + n_suppressed), chain, params,
            recent, n_recent_max, logits, list);
    LOG_DBG("flash_head: %zu of %d tokens are candidates\n", is_short ? list.size() : (size_t) n_vocab, n_vocab);
    return is_short;
}
