#pragma once

#include "flash-head-encode.h"
#include "flash-head.h"
#include "products.h"
#include "weight.h"

#include <functional>
#include <string>
#include <vector>

// Tokens of a record: the dense head's best.
const int64_t FHC_RECORD_TOKENS = 40;

// A head as the runtime has it after a load, to record what it would do.
struct fhc_head {
    const fhc_weight     * weight = nullptr;
    const flash_head_map * map    = nullptr;     // clusters and codes
    fhc_matrix             centroids;            // [K][d], as the runtime rounds them
    std::vector<uint8_t>   coarse, fine;         // as flash_head_encode made them
    std::vector<float>     basis;
    int64_t                n_exact = 0;          // tokens that the runtime scores exactly, 0..V
};

// For each row of hidden [n][d] from the given one on, appends a record of 2*min(40, V) + 2 numbers to out:
// - the dense head's best tokens, best first, equal ones in ascending order, each with its rank by estimate: 1 + the
//   number of tokens with a greater estimate or an equal one and a lower id;
// - the bits of a float: the Kullback-Leibler divergence of what the runtime gives from the dense head's distribution,
//   in nats;
// - 1 if both have the same best token, else 0.
// Returns false and sets error if a logit or an estimate is not finite; names the row.
bool fhc_records_make(fhc_products * p, const fhc_head & head, const fhc_matrix & hidden, int64_t first,
        const std::function<void(double)> & progress, std::vector<uint32_t> * out, std::string * error);
