#pragma once

// Calibration: the directions of a head's codes, and the runtime's results with them at hidden states of texts.

#include "directions.h"
#include "flash-head-map.h"
#include "weight.h"

#include <functional>
#include <vector>

struct flash_head_calibrate_params {
    enum ggml_type centroid_type = GGML_TYPE_Q4_0; // its block must divide the columns
    int32_t        coarse_bits   = 192;            // of the codes (core/flash-head-codes.h)
    int32_t        fine_bytes    = 0;
    int32_t        n_near        = 1;              // 1 .. rows of the weight
    int32_t        n_directions  = 160;            // at most; with FLASH_HEAD_MOST_BITS each they must hold coarse_bits
    int64_t        n_probe       = 1;              // P, for the records; so is tolerance
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

// Hidden states of texts: first those for the fit, kind by kind, then held-out ones, for which records are made.
// Without kinds there are no states, and the metric is the identity.
struct flash_head_calibrate_hidden {
    const flash_head_matrix    & states; // [n][n_cols]
    const std::vector<int64_t> & kinds;  // rows of each kind, at least one
};

struct flash_head_calibration {
    flash_head_directions directions; // at least as many as coarse_bits need, padded by zero directions
    std::vector<float>    weights;    // [n_cols]: the diagonal of the metric
    std::vector<uint32_t> records;    // FLASH_HEAD_RECORD_SIZE per held-out state; see records.h
    double near  = 0.0;               // mean tokens per held-out state whose fine code is read
    double exact = 0.0;               // mean tokens per held-out state scored exactly
};

// Fits codes of a head to hidden states, and records what the runtime would do with them. The result does not depend on
// the number of threads. Throws std::runtime_error (one line, lower case).
//
// It needs memory for the weight as it is in the file, its codes, 4 bytes for each value of centroids and hidden
// states, 16 for each of n_cols^2, and for records about 300 MiB, more where the vocabulary is large.
flash_head_calibration flash_head_calibrate(const flash_head_calibrate_head & head,
        const flash_head_calibrate_hidden & hidden, const flash_head_calibrate_params & params, flash_head_pool * pool);

// The part of a converted file's map that its codes need, padded as by the reader of files.
flash_head_map flash_head_calibrated_map(const flash_head_calibrate_head & head,
        const flash_head_calibrate_params & params, const flash_head_calibration & from);
