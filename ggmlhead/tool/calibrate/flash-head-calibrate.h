#pragma once

// Calibration: what hidden states of many kinds of text tell about a head and its clusters.

#include "directions.h"
#include "matrix.h"
#include "weight.h"

#include <functional>
#include <string>
#include <vector>

struct fhc_calibrate_params {
    // Rows of hidden states of each kind of text that are fitted to, kind by kind from the first row on. The rows that
    // follow are recorded. None: codes are made without hidden states.
    std::vector<int64_t> fit;
    int64_t        n_directions  = 0;                 // of the codes, at most; 1 and more
    int32_t        coarse_bits   = 0;                 // sizes of the codes, as in flash_head_map
    int32_t        fine_bytes    = 0;
    int32_t        n_near        = 0;
    int32_t        n_probe       = 0;                 // P, for the records' divergences
    enum ggml_type centroid_type = GGML_TYPE_Q4_0;    // of which columns are a multiple of the block

    // Called on the calling thread with a stage (moment, residuals, directions or records) and the share of the whole,
    // 0..1.
    std::function<void(const char * stage, double fraction)> progress;
};

struct fhc_calibration {
    fhc_directions        directions;
    std::vector<float>    weights;    // [d]: mean squares of the hidden states' columns
    std::vector<uint32_t> records;    // of the rows that were not fitted to; see records.h
};

// Makes the codes of a head from the first rows of hidden states [n][n_cols], and records what the runtime would do with
// the others. cluster [n_rows] tells the cluster of every row, below n_clusters, none of which is empty. The result does
// not depend on the number of threads. Returns false and sets error (one line, lower case).
//
// It needs memory for the weight as it is in the file, for the codes, 4 bytes for each value of centroids and hidden
// states, 12 for each of n_cols^2, and some hundred MiB.
bool fhc_calibrate(const fhc_weight & weight, const std::vector<uint32_t> & cluster, int64_t n_clusters,
        const fhc_matrix & hidden,
        const fhc_calibrate_params & params, flash_head_pool * pool, fhc_calibration * out, std::string * error);
