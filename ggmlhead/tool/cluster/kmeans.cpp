#include "flash-head-cluster.h"

#include "assign.h"
#include "duplicates.h"
#include "flash-head-random.h"
#include "search.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <string>

// The state of a run over the rows that the duplicates left.
struct flash_head_cluster_run {
    const flash_head_unit_rows       * rows;
    const flash_head_cluster_params     * params;
    flash_head_pool             * pool;
    flash_head_searcher           searcher;
    std::vector<int32_t>   ids;           // rows to cluster
    int64_t                n_clusters;    // for them
    int64_t                size;          // rows a cluster
    int64_t                n_bigger;      // clusters that take one more
    flash_head_unit_rows               centroids;     // [n_clusters]
    flash_head_groups             groups;
    flash_head_best               best;
    std::vector<int32_t>   cluster;       // [ids.size()]
    std::vector<int64_t>   count;         // [n_clusters] rows of each
    double                 cosines;       // sum over the rows of their cosine with their centroid
    uint64_t               random;
};

// Of the centroids that a row is compared with, how many take part in the auction.
static const int FLASH_HEAD_N_BEST = 16;

// Members of each cluster: rows [first[c], first[c + 1]) of order, as positions in cluster.
template <typename T>
static void flash_head_members(const std::vector<T> & cluster, int64_t n_clusters, std::vector<int64_t> * first,
        std::vector<int32_t> * order) {
    first->assign(n_clusters + 1, 0);
    order->resize(cluster.size());
    for (T c : cluster) {
        (*first)[c + 1]++;
    }
    for (int64_t c = 0; c < n_clusters; c++) {
        (*first)[c + 1] += (*first)[c];
    }
    std::vector<int64_t> next(first->begin(), first->end() - 1);
    for (size_t i = 0; i < cluster.size(); i++) {
        (*order)[next[cluster[i]]++] = (int32_t) i;
    }
}

// Sums rows listed in ids into sum [n_stride], in that order; returns the sum's length.
static double flash_head_sum_rows(const flash_head_unit_rows * rows, const int32_t * ids, int64_t n, float * sum,
        float * tmp) {
    std::fill(sum, sum + rows->n_stride, 0.0f);
    for (int64_t i = 0; i < n; i++) {
        flash_head_unit_rows_get(rows, ids[i], tmp);
        for (int64_t k = 0; k < rows->n_stride; k++) {
            sum[k] += tmp[k];
        }
    }
    double length = 0.0;
    for (int64_t k = 0; k < rows->n_stride; k++) {
        length += (double) sum[k]*sum[k];
    }
    return std::sqrt(length);
}

double flash_head_objective(const flash_head_unit_rows * rows, const std::vector<uint32_t> & cluster,
        int64_t n_clusters, flash_head_pool * pool) {
    std::vector<int64_t> first;
    std::vector<int32_t> order;
    flash_head_members(cluster, n_clusters, &first, &order);
    std::vector<double> lengths(n_clusters);
    flash_head_pool_run(pool, n_clusters, [&](int, int64_t c) {
        std::vector<float> sum(rows->n_stride);
        std::vector<float> tmp(rows->n_stride);
        lengths[c] = flash_head_sum_rows(rows, &order[first[c]], first[c + 1] - first[c], sum.data(), tmp.data());
    });
    // the cosines of unit rows with the direction of their sum add up to the sum's length
    double total = 0.0;
    for (double length : lengths) {
        total += length;
    }
    return std::max(0.0, 1.0 - total/rows->n_rows);
}

// First centroids: rows drawn without replacement.
static void flash_head_cluster_run_start(flash_head_cluster_run * r) {
    std::vector<int32_t> deck = r->ids;
    flash_head_unit_rows_init(&r->centroids, r->rows->type, r->n_clusters, r->rows->n_cols);
    for (int64_t c = 0; c < r->n_clusters; c++) {
        std::swap(deck[c], deck[c + flash_head_random(&r->random) % (deck.size() - c)]);
        memcpy(r->centroids.row(c), r->rows->row(deck[c]), r->rows->row_size());
    }
    r->count.assign(r->n_clusters, 0);
}

// The clusters by their numbers of rows, largest first.
static std::vector<int32_t> flash_head_by_count(const flash_head_cluster_run * r) {
    std::vector<int32_t> by_count(r->n_clusters);
    std::iota(by_count.begin(), by_count.end(), 0);
    std::stable_sort(by_count.begin(), by_count.end(), [&](int32_t a, int32_t b) { return r->count[a] > r->count[b]; });
    return by_count;
}

// New centroids and the objective from the present clusters. An empty cluster restarts at a row of one that is too
// large.
static void flash_head_cluster_run_update(flash_head_cluster_run * r) {
    std::vector<int64_t> first;
    std::vector<int32_t> order;
    flash_head_members(r->cluster, r->n_clusters, &first, &order);
    for (int32_t & i : order) {
        i = r->ids[i];
    }
    const int64_t n_block = 64;    // clusters a task
    std::vector<double> lengths(r->n_clusters, 0.0);
    flash_head_pool_run(r->pool, (r->n_clusters + n_block - 1)/n_block, [&](int, int64_t task) {
        std::vector<float> sum(r->rows->n_stride);
        std::vector<float> tmp(r->rows->n_stride);
        for (int64_t c = task*n_block; c < std::min(r->n_clusters, (task + 1)*n_block); c++) {
            if (first[c + 1] > first[c]) {
                lengths[c] = flash_head_sum_rows(r->rows, &order[first[c]], first[c + 1] - first[c], sum.data(),
                        tmp.data());
                flash_head_unit_rows_set(&r->centroids, c, sum.data(), tmp.data());
            }
        }
    });

    r->cosines = 0.0;
    for (int64_t c = 0; c < r->n_clusters; c++) {
        r->cosines += lengths[c];
        r->count[c] = first[c + 1] - first[c];
    }
    const std::vector<int32_t> by_count = flash_head_by_count(r);
    // the largest cluster gives as many starts as it has rows for whole clusters, then the next
    int64_t donor = 0;
    int64_t spare = r->count[by_count[0]]/r->size - 1;
    for (int64_t e = r->n_clusters - 1; e > 0 && r->count[by_count[e]] == 0; e--) {
        const int64_t d = by_count[donor];
        const int64_t i = first[d] + flash_head_random(&r->random) % r->count[d];
        memcpy(r->centroids.row(by_count[e]), r->rows->row(order[i]), r->rows->row_size());
        if (--spare <= 0) {
            donor = r->count[by_count[donor + 1]] >= 2 ? donor + 1 : 0;
            spare = r->count[by_count[donor]]/r->size - 1;
        }
    }
}

// Capacities for a balanced assignment: the clusters that have most rows take one more.
static std::vector<int32_t> flash_head_cluster_run_capacity(const flash_head_cluster_run * r) {
    const std::vector<int32_t> by_count = flash_head_by_count(r);
    std::vector<int32_t> capacity(r->n_clusters, (int32_t) r->size);
    for (int64_t k = 0; k < r->n_bigger; k++) {
        capacity[by_count[k]]++;
    }
    return capacity;
}

// The first half of a Lloyd iteration: each row to its best centroid, balanced: as far as places allow. The other half
// is new centroids.
static void flash_head_cluster_run_assign(flash_head_cluster_run * r, int64_t n_candidates, bool balanced) {
    std::vector<int32_t> all(r->n_clusters);
    std::iota(all.begin(), all.end(), 0);
    flash_head_groups_build(&r->searcher, &r->centroids, all, n_candidates, &r->groups);
    flash_head_search(&r->searcher, r->rows, r->ids, &r->groups, n_candidates, balanced ? FLASH_HEAD_N_BEST : 1,
            &r->best);
    if (balanced) {
        flash_head_assign_balanced(&r->searcher, r->rows, r->ids, &r->centroids, &r->best,
                flash_head_cluster_run_capacity(r), n_candidates, &r->cluster);
    } else {
        r->cluster.resize(r->ids.size());
        for (size_t i = 0; i < r->ids.size(); i++) {
            r->cluster[i] = std::max(0, r->best.id[i]);
        }
    }
}

// How many centroids each row is compared with in one iteration: all of them while that is little work (50 GFLOP, a
// small model: exact k-means), else an eighth, within 512 and 1024. With 1024 an iteration costs 0.35 TFLOP for 262144
// rows of 640 and 0.55 TFLOP for 128256 rows of 2048, 1.2 and 2 seconds on two cores of a Zen 4; comparing with all
// would cost 5.5 and 4.2 TFLOP.
static int64_t flash_head_affordable_candidates(const flash_head_unit_rows * rows, int64_t n_clusters) {
    const double one = 2.0*rows->n_rows*rows->n_stride;
    const int64_t some = std::min<int64_t>(std::max<int64_t>(n_clusters/8, 512), 1024);
    return std::min(n_clusters, std::max(some, (int64_t) (50e9/one)));
}

flash_head_cluster_result flash_head_cluster_rows(const flash_head_unit_rows * rows,
        const flash_head_cluster_params * params, flash_head_pool * pool) {
    const int64_t n_rows = rows->n_rows;
    if (params->cluster_size < 1 || params->iterations < 1) {
        throw std::runtime_error("the cluster size and the number of iterations must be at least 1");
    }
    const int64_t n_clusters = (n_rows + params->cluster_size - 1)/params->cluster_size;
    if (n_clusters < 2 || n_rows > INT32_MAX) {
        throw std::runtime_error(std::to_string(n_rows) + " rows do not make two clusters of "
                + std::to_string(params->cluster_size));
    }
    const int64_t size     = n_rows/n_clusters;
    int64_t       sizes[2] = { n_clusters - n_rows % n_clusters, n_rows % n_clusters };

    const std::vector<int32_t> dealt = flash_head_duplicates_deal(rows, pool, size, sizes);

    flash_head_cluster_run r;
    r.rows       = rows;
    r.params     = params;
    r.pool       = pool;
    r.n_clusters = sizes[0] + sizes[1];
    r.size       = size;
    r.n_bigger   = sizes[1];
    r.cosines    = 0.0;
    r.random     = params->seed;
    for (int64_t i = 0; i < n_rows; i++) {
        if (dealt[i] < 0) {
            r.ids.push_back((int32_t) i);
        }
    }
    flash_head_cluster_result result;
    result.n_clusters = n_clusters;
    result.cluster.assign(n_rows, 0);

    if (r.n_clusters > 0) {
        flash_head_searcher_init(&r.searcher, pool, rows->n_stride);
        const int64_t n_candidates =
                params->n_candidates > 0 ? params->n_candidates : flash_head_affordable_candidates(rows, r.n_clusters);
        const int     n_start      = params->start;
        const int     n_iterations = n_start + params->iterations;

        flash_head_cluster_progress p;
        p.iterations = params->iterations;
        auto report = [&](double done) {
            if (params->progress) {
                p.fraction = std::min(1.0, done/n_iterations);
                params->progress(p);
            }
        };
        flash_head_cluster_run_start(&r);
        for (int k = 0; k < n_iterations; k++) {
            const bool balanced = k >= n_start;
            p.stage     = balanced ? "balance" : "start";
            p.iteration = std::max(0, k + 1 - n_start);
            flash_head_pool_set_tick(pool, [&](double) { report(k); });
            flash_head_cluster_run_assign(&r, balanced ? n_candidates : std::max<int64_t>(n_candidates/4, 64),
                    balanced);
            flash_head_cluster_run_update(&r);
            flash_head_pool_set_tick(pool, nullptr);

            int64_t largest = 0;
            for (int64_t n : r.count) {
                largest = std::max(largest, n);
            }
            p.objective = std::max(0.0, 1.0 - r.cosines/r.ids.size());
            p.imbalance = (double) largest*r.n_clusters/r.ids.size() - 1.0;
            result.objectives.push_back(p.objective);
            report(k + 1);
        }
        for (size_t i = 0; i < r.ids.size(); i++) {
            result.cluster[r.ids[i]] = (uint32_t) r.cluster[i];
        }
    }
    for (int64_t i = 0; i < n_rows; i++) {
        if (dealt[i] >= 0) {
            result.cluster[i] = (uint32_t) (r.n_clusters + dealt[i]);
        }
    }
    result.objective = flash_head_objective(rows, result.cluster, n_clusters, pool);
    result.imbalance = (double) (size + (n_rows % n_clusters ? 1 : 0))*n_clusters/n_rows - 1.0;
    return result;
}
