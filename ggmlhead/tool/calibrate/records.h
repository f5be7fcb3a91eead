#pragma once

#include "flash-head-map.h"
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
    const flash_head_map * map    = nullptr;       // clusters, the sketch's directions
    // [K][d], as the runtime rounds them; then zeros up to a multiple of 16 rows
    fhc_matrix             centroids;
    std::vector<uint8_t>   sketch;                 // as flash_head_build_sketch made it; empty if rank is 0
    std::vector<float>     activations;            // [d][rank]
};

// For every row of hidden [n][d] appends to out the dense head's best 40 tokens (all, if there are fewer), best first,
// equal ones in ascending order, each with its rank by estimate: 1 + the number of tokens with a greater estimate or an
// equal one and a lower id. An estimate is the score of the token's centroid, and what the sketch adds to it. So out
// has 2*40 numbers a row: token, rank, token, ... Returns false and sets error if a logit or an estimate is not finite;
// names the row.
bool fhc_records_make(fhc_products * p, const fhc_head & head, const fhc_matrix & hidden,
        const std::function<void(double)> & progress,
        std::vector<uint32_t> * out, std::string * error);
