#pragma once

// Short lists of candidates for llama.cpp's common_sampler. A sampler chain that keeps the k best tokens does not need
// a list of all tokens. Making and sorting that takes longer than FlashHead takes for the logits.
//
// The list is exact: after top-k, entries and their order equal those from a full list. Later samplers, draws and
// probabilities are therefore unchanged.

#include "common.h"
#include "llama.h"

#include <vector>

// Fills list with the candidates for the next draw of a sampler of model. Returns false, with list undefined, if all
// tokens are needed: unless the model's head is FlashHead and only disabled samplers, penalties and biases come before
// top-k in chain.
//
// chain and params: the sampler's; recent: the tokens it accepted last, the latest last; n_recent_max: how many of them
// it remembers; logits [n_vocab].
bool flash_head_sampling_list(const llama_model * model, llama_sampler * chain, const common_params_sampling & params,
        const std::vector<llama_token> & recent, size_t n_recent_max, const float * logits,
        std::vector<llama_token_data> & list);

// The same for any model, known by its n_vocab and the tokens that it suppresses.
bool flash_head_sampling_list(int32_t n_vocab, const std::vector<llama_token> & suppressed, llama_sampler * chain,
        const common_params_sampling & params, const std::vector<llama_token> & recent, size_t n_recent_max,
        const float * logits,
        std::vector<llama_token_data> & list);
