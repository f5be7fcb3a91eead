#pragma once

#include "estimator.h"
#include "products.h"
#include "weight.h"

#include <functional>
#include <vector>

// The head for which records are made.
struct flash_head_recorded {
    const flash_head_dense_weight * weight;
    flash_head_estimator          * estimator;
};

// Numbers of a record.
const int64_t FLASH_HEAD_RECORD_SIZE = 2;

// A record for each of the hidden states, of which there is at least one:
// - the bits of a float: the divergence of the runtime's distribution from the dense one, in nats;
// - 1 if both distributions have the same best token, else 0.
// Throws std::runtime_error, which names the hidden state, if a logit or an estimate is not finite.
std::vector<uint32_t> flash_head_records_make(flash_head_products * p, const flash_head_recorded & head,
        const flash_head_span & hidden, const std::function<void(double)> & progress);
