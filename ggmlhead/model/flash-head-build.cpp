#include "flash-head-build.h"

#include "flash-head-centroids.h"
#include "flash-head-processors.h"
#include "flash-head-project.h"
#include "flash-head-row.h"
#include "flash-head-sketch.h"
#include "flash-head-threads.h"

#include <algorithm>
#include <float.h>
#include <math.h>
#include <string.h>

// Rows of a matrix, to be read as floats.
struct row_reader {
    const void * data;
    ggml_type    type;
    int64_t      n_embd;
    size_t       row_size;

    row_reader(const void * data, ggml_type type, int64_t n_embd)
        : data(data), type(type), n_embd(n_embd), row_size(ggml_row_size(type, n_embd)) {}

    // out [n_embd]
    void convert(const void * row, float * out) const { flash_head_to_float(type, row, out, n_embd); }
};

// Prefetches a row: rows in cluster order are scattered over the weight.
static void prefetch(const char * row, size_t size) {
#if defined(__GNUC__)
    for (size_t at = 0; at < size; at += 64) {
        __builtin_prefetch(row + at);
    }
#else
    (void) row; (void) size;
#endif
}

int flash_head_build_threads() {
    return flash_head_processors();
}

void flash_head_transpose(const std::vector<float> & directions, int32_t rank, float * out) {
    const int64_t n_embd = (int64_t) directions.size()/rank;
    for (int64_t i = 0; i < n_embd; i++) {
        for (int32_t j = 0; j < rank; j++) {
            out[i*rank + j] = directions[j*n_embd + i];
        }
    }
}

float flash_head_largest(ggml_type centroid_type) {
    return centroid_type == GGML_TYPE_F32 || centroid_type == GGML_TYPE_BF16 ? FLT_MAX : 65504.0f;
}

// Zeroes a centroid with a NaN or a value out of range: ggml aborts on it for some types, and its scores could not
// rank.
static void keep_in_range(float * centroid, int64_t n_embd, float largest) {
    for (int64_t i = 0; i < n_embd; i++) {
        if (!(fabsf(centroid[i]) <= largest)) {
            std::fill_n(centroid, n_embd, 0.0f);
            return;
        }
    }
}

void flash_head_round_centroid(float * sum, int64_t n_embd, int64_t n_rows, ggml_type centroid_type, void * out) {
    const float scale = 1.0f/n_rows;
    for (int64_t i = 0; i < n_embd; i++) {
        sum[i] *= scale;
    }
    keep_in_range(sum, n_embd, flash_head_largest(centroid_type));
    ggml_quantize_chunk(centroid_type, sum, out, 0, 1, n_embd, nullptr);
}

// Subtracts the centroid's factors from those of cluster c's rows. mean [n_embd] and base [rank] are scratch.
static void subtract_centroid(const flash_head_map & map, int64_t c, const row_reader & means, const float * directions,
        float * factors, float * mean, float * base) {
    const int32_t rank = map.rank;
    means.convert((const char *) means.data + c*means.row_size, mean);
    flash_head_project(mean, 1, means.n_embd, directions, rank, base);
    for (int64_t e = (int64_t) map.offsets[c]*rank; e < (int64_t) map.offsets[c + 1]*rank; e++) {
        factors[e] -= base[e % rank];
    }
}

// The outputs of a pass over the clusters; nullptr for those not wanted.
struct build_parts {
    void        * centroids;
    const void  * means;      // existing centroids, if centroids is nullptr
    float       * factors;    // [V][rank] in the order of the clusters, on directions [n_embd][rank]
    const float * directions;
    void        * ordered;
};

// Makes the parts of clusters begin .. end - 1. Each row is read once and used while it is in the cache.
static void build_clusters(const flash_head_map & map, const row_reader & rows, flash_head_order order,
        ggml_type centroid_type,
        const build_parts & parts, int64_t begin, int64_t end) {
    const int64_t    n_embd = rows.n_embd;
    const int32_t    rank   = map.rank;
    const int32_t    block  = FLASH_HEAD_PROJECT_ROWS;
    const bool       floats = parts.centroids != nullptr || parts.factors != nullptr;
    const row_reader means  = { parts.centroids ? parts.centroids : parts.means, centroid_type, n_embd };

    std::vector<float> values(block*n_embd), mean(n_embd), base(rank);
    auto row_at = [&](int32_t pos) {
        return (const char *) rows.data + (order == FLASH_HEAD_BY_TOKEN ? map.tokens[pos] : pos)*rows.row_size;
    };
    const int32_t last = map.offsets[end];
    for (int64_t c = begin; c < end; c++) {
        std::fill(mean.begin(), mean.end(), 0.0f);
        for (int32_t first = map.offsets[c]; first < map.offsets[c + 1]; first += block) {
            const int32_t n = std::min(block, map.offsets[c + 1] - first);
            for (int32_t r = 0; r < n; r++) {
                const int32_t pos = first + r;
                prefetch(row_at(std::min(pos + 2, last - 1)), rows.row_size);
                if (parts.ordered) {
                    memcpy((char *) parts.ordered + pos*rows.row_size, row_at(pos), rows.row_size);
                }
                if (floats) {
                    rows.convert(row_at(pos), values.data() + r*n_embd);
                }
            }
            for (int32_t r = 0; parts.centroids && r < n; r++) {
                const float * value = values.data() + r*n_embd;
                for (int64_t i = 0; i < n_embd; i++) {
                    mean[i] += value[i];
                }
            }
            if (parts.factors) {
                flash_head_project(values.data(), n, n_embd, parts.directions, rank,
                        parts.factors + (int64_t) first*rank);
            }
        }
        if (parts.centroids) {
            flash_head_round_centroid(mean.data(), n_embd, map.offsets[c + 1] - map.offsets[c], centroid_type,
                    (char *) parts.centroids + c*means.row_size);
        }
        if (parts.factors) {
            subtract_centroid(map, c, means, parts.directions, parts.factors, mean.data(), base.data());
        }
    }
}

// sketch from factors [V][rank] in the order of map.tokens
static void pack_factors(const flash_head_map & map, const std::vector<float> & factors, void * sketch, int n_threads) {
    const int64_t n_vocab = (int64_t) map.tokens.size();
    const int64_t group   = FLASH_HEAD_GROUP;
    const int32_t rank    = map.rank;
    flash_head_parallel_for(flash_head_sketch_n_groups(n_vocab), n_threads, [&](int64_t begin, int64_t end) {
        std::vector<float> of_group(group*rank);
        for (int64_t g = begin; g < end; g++) {
            const int64_t n = std::min(group, n_vocab - g*group);
            for (int64_t t = 0; t < n; t++) {
                std::copy_n(factors.data() + (int64_t) map.position[g*group + t]*rank, rank, of_group.data() + t*rank);
            }
            flash_head_sketch_pack(of_group.data(), (int32_t) n, rank,
                    (char *) sketch + g*flash_head_sketch_group_size(rank));
        }
    });
}

void flash_head_finish_sketch(const flash_head_map & map, const void * centroids, ggml_type centroid_type,
        int64_t n_embd,
        const float * directions, std::vector<float> & factors, void * sketch, int n_threads) {
    const row_reader means = { centroids, centroid_type, n_embd };
    flash_head_parallel_for(map.n_cluster, n_threads, [&](int64_t begin, int64_t end) {
        std::vector<float> mean(n_embd), base(map.rank);
        for (int64_t c = begin; c < end; c++) {
            subtract_centroid(map, c, means, directions, factors.data(), mean.data(), base.data());
        }
    });
    pack_factors(map, factors, sketch, n_threads);
}

static void build(const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        build_parts parts,
        void * sketch, int n_threads) {
    const row_reader rows = { weight.data, weight.type, weight.n_embd };

    std::vector<float> directions, factors;
    if (sketch) {
        directions.resize(map.rank*weight.n_embd);
        flash_head_transpose(map.sketch_rows, map.rank, directions.data());
        factors.resize(map.tokens.size()*map.rank);
        parts.factors    = factors.data();
        parts.directions = directions.data();
    }
    ggml_quantize_init(centroid_type); // not thread-safe

    flash_head_parallel_for(map.n_cluster, n_threads, [&](int64_t begin, int64_t end) {
        build_clusters(map, rows, weight.order, centroid_type, parts, begin, end);
    });
    if (sketch) {
        pack_factors(map, factors, sketch, n_threads);
    }
}

void flash_head_build(
        const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        void * centroids, void * sketch, void * ordered, int n_threads) {
    build_parts parts = {};
    parts.centroids = centroids;
    parts.ordered   = ordered;
    build(map, weight, centroid_type, parts, sketch, n_threads);
}

void flash_head_build_centroids(
        const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        void * centroids, int n_threads) {
    flash_head_build(map, weight, centroid_type, centroids, nullptr, nullptr, n_threads);
}

void flash_head_build_sketch(
        const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        const void * centroids, void * sketch, int n_threads) {
    build_parts parts = {};
    parts.means = centroids;
    build(map, weight, centroid_type, parts, sketch, n_threads);
}

void flash_head_build_groups(const void * centroids, int64_t n_cluster, int64_t n_embd, void * groups, int n_threads) {
    const int64_t group    = FLASH_HEAD_GROUP;
    const size_t  row_size = ggml_row_size(GGML_TYPE_Q4_0, n_embd);
    flash_head_parallel_for(flash_head_centroids_padded(n_cluster)/group, n_threads, [&](int64_t begin, int64_t end) {
        flash_head_centroids_group((const char *) centroids + begin*group*row_size,
                std::min(end*group, n_cluster) - begin*group, n_embd,
                (char *) groups + begin*group*row_size);
    });
}
