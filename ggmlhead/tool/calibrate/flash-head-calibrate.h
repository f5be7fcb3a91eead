#pragma once

// Calibration: the directions of a head's codes, and what the runtime would do with them at hidden states of texts.

#include "directions.h"
#include "matrix.h"
#include "weight.h"

#include <functional>
#include <string>
#include <vector>

struct flash_head_calibrate_params {
    enum ggml_type centroid_type = GGML_TYPE_Q4_0; // of which columns are a multiple of the block
    int32_t        coarse_bits   = 192;            // of the codes (core/flash-head-codes.h)
    int32_t        fine_bytes    = 0;
    int32_t        n_near        = 1;              // 1 .. rows of the weight; at least so many
    int32_t        n_directions  = 160;            // at most; FLASH_HEAD_MOST_BITS each are enough for coarse_bits
    int64_t        n_probe       = 1;              // P, as tolerance for what the records say
    float          tolerance     = 0.0f;           // as in flash_head_params

    // Called on the calling thread with a stage (moment, residuals, directions, codes or records) and the share of the
    // whole, 0..1.
    std::function<void(const char * stage, double fraction)> progress;
};

// A head and its clusters.
struct flash_head_calibrate_head {
    const flash_head_dense_weight & weight;
    const std::vector<uint32_t>   & cluster;    // of every row, below n_clusters; none is empty
    int64_t                         n_clusters;
};

// Hidden states of texts: first those that are fitted to, one kind of text after the other, then those that are held
// out, for which records are made. No kinds: there are none at all, and the metric is the identity.
struct flash_head_calibrate_hidden {
    const flash_head_matrix    & states; // [n][n_cols]
    const std::vector<int64_t> & kinds;  // rows of each kind, at least one
};

struct flash_head_calibration {
    flash_head_directions directions; // at least as many as coarse_bits need: directions of zeros are added
    std::vector<float>    weights;    // [n_cols]: the diagonal of the metric
    std::vector<uint32_t> records;    // FLASH_HEAD_RECORD_SIZE for each state that is held out; see records.h
    double near  = 0.0;               // tokens whose fine code is read for such a state, on average
    double exact = 0.0;               // tokens that are scored exactly for it
};

// Fits codes of a head to hidden states, and records what the runtime would do with them. The result does not depend on
// the number of threads. Returns false and sets error (one line, lower case).
//
// It needs memory for the weight as it is in the file, its codes, 4 bytes for each value of centroids and hidden
// states, 16 for each of n_cols^2, and for records about 300 MiB, more where the vocabulary is large.
bool flash_head_calibrate(const flash_head_calibrate_head & head, const flash_head_calibrate_hidden & hidden,
        const flash_head_calibrate_params & params, flash_head_pool * pool, flash_head_calibration * out,
        std::string * error);
