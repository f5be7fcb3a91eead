#pragma once

// Calibration: what hidden states of a text tell about a head and its clusters.

#include "directions.h"
#include "matrix.h"
#include "weight.h"

#include <functional>
#include <string>
#include <vector>

struct fhc_calibrate_params {
    int64_t        fit           = 0;                 // rows of hidden states that the sketch is fitted to, from the first on
    int32_t        rank          = 0;                 // of the sketch: a multiple of FLASH_HEAD_SKETCH_STEP; 0 for none
    enum ggml_type centroid_type = GGML_TYPE_Q4_0;    // of which columns are a multiple of the block

    // Called on the calling thread with a stage (moment, residuals, directions or records) and the share of the whole, 0..1.
    std::function<void(const char * stage, double fraction)> progress;
};

struct fhc_calibration {
    fhc_directions        directions;    // empty if rank is 0
    std::vector<uint32_t> records;       // see records.h
};

// Fits a sketch of a head to the first rows of hidden states [n][n_cols], n >= fit >= 1, and records for all of them what the
// runtime would do with it. cluster [n_rows] tells the cluster of every row, below n_clusters, none of which is empty.
// The result does not depend on the number of threads. Returns false and sets error (one line, lower case).
//
// It needs memory for the weight as it is in the file, 4 bytes for each value of centroids and hidden states, 12 for each of
// n_cols^2, and some tens of MiB.
bool fhc_calibrate(const fhc_weight & weight, const std::vector<uint32_t> & cluster, int64_t n_clusters, const fhc_matrix & hidden,
        const fhc_calibrate_params & params, flash_head_pool * pool, fhc_calibration * out, std::string * error);
