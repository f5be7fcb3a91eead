#pragma once

// Equal-sized spherical k-means over the rows of an output head.
//
// Makes K = ceil(V/m) clusters of V rows whose sizes differ by at most one, such that rows of a cluster point in
// similar directions. The objective is the mean over all rows of 1 - cosine(row, centroid), a cluster's centroid being
// the direction of the mean of its unit-length rows. The same rows, parameters and kind of CPU give the same clusters,
// whatever the number of threads.

#include "pool.h"
#include "rows.h"

#include <cstdint>
#include <functional>
#include <vector>

// The progress of a run. Values below zero are not known yet.
struct flash_head_cluster_progress {
    const char * stage      = "";      // "read", "start" (unbalanced, cheap) or "balance"
    int          iteration  = 0;       // 1.. within the run, 0 before the first
    int          iterations = 0;
    double       fraction   = 0.0;     // of the whole run, 0..1, never falls
    double       objective  = -1.0;    // of the last finished iteration
    double       imbalance  = -1.0;    // largest cluster / mean size - 1 of the last finished iteration
};

struct flash_head_cluster_params {
    int      cluster_size = 16;    // m, at least 1
    int      iterations   = 8;     // balanced Lloyd iterations after the start, at least 1
    uint32_t seed         = 0;

    // changed by tests and experiments only
    int64_t  n_candidates = 0;     // centroids that each row is compared with, 0: as many as are affordable
    int      start        = 2;     // cheap unbalanced iterations before: more gained nothing

    // called on the calling thread, often; may be empty
    std::function<void(const flash_head_cluster_progress &)> progress;
};

struct flash_head_cluster_result {
    int64_t               n_clusters = 0;
    std::vector<uint32_t> cluster;              // [V] cluster of each row, in [0, n_clusters)
    double                objective  = 0.0;
    double                imbalance  = 0.0;
    std::vector<double>   objectives;           // after each iteration, the start's included
};

// Clusters the rows. Throws std::runtime_error: fewer than two clusters, wrong parameters, no CPU backend.
flash_head_cluster_result flash_head_cluster_rows(const flash_head_unit_rows * rows,
        const flash_head_cluster_params * params, flash_head_pool * pool);

// The objective of any assignment of rows to n_clusters clusters.
double flash_head_objective(const flash_head_unit_rows * rows, const std::vector<uint32_t> & cluster,
        int64_t n_clusters, flash_head_pool * pool);
