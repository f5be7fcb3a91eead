#pragma once

#include "estimator.h"
#include "products.h"
#include "weight.h"

#include <functional>
#include <string>
#include <vector>

// Tokens of a record: the dense head's best.
const int64_t FLASH_HEAD_RECORD_TOKENS = 40;

// The head for which records are made.
struct flash_head_recorded {
    const flash_head_dense_weight * weight;
    flash_head_estimator          * estimator;
    int64_t                         n_exact; // tokens that the runtime scores exactly, 1 .. n_rows of the weight
};

// Numbers of a record: a token and a rank each, a divergence and a flag.
inline int64_t flash_head_record_size(int64_t n_vocab) {
    return 2*(n_vocab < FLASH_HEAD_RECORD_TOKENS ? n_vocab : FLASH_HEAD_RECORD_TOKENS) + 2;
}

// A record for each of the hidden states:
// - the dense head's best 40 tokens (all, if there are fewer), best first, equal ones in ascending order. Each with its
//   rank by estimate: 1 + the number of tokens with a greater estimate, or an equal one and a lower id;
// - the bits of a float: the divergence of the runtime's distribution from the dense one, in nats. The runtime scores
//   the n_exact tokens with the best estimates exactly, and those equal to the last of them;
// - 1 if both distributions have the same best token, else 0.
// Returns false and sets error, which names the hidden state, if a logit or an estimate is not finite.
bool flash_head_records_make(flash_head_products * p, const flash_head_recorded & head, const flash_head_span & hidden,
        const std::function<void(double)> & progress, std::vector<uint32_t> * out, std::string * error);
