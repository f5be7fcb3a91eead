#include "flash-head-build.h"

#include "flash-head-centroids.h"
#include "flash-head-prefetch.h"
#include "flash-head-processors.h"
#include "flash-head-row.h"
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

int flash_head_build_threads() {
    return flash_head_processors();
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

// Makes the centroids of clusters begin .. end - 1 and, unless it is nullptr, their part of ordered. Each row is read
// once and used while it is in the cache.
static void build_clusters(const flash_head_map & map, const row_reader & rows, flash_head_order order,
        ggml_type centroid_type, void * centroids, void * ordered, int64_t begin, int64_t end) {
    const int64_t n_embd        = rows.n_embd;
    const size_t  centroid_size = ggml_row_size(centroid_type, n_embd);

    std::vector<float> value(n_embd), mean(n_embd);
    auto row_at = [&](int32_t pos) {
        return (const char *) rows.data + (order == FLASH_HEAD_BY_TOKEN ? map.tokens[pos] : pos)*rows.row_size;
    };
    const int32_t last = map.offsets[end];
    for (int64_t c = begin; c < end; c++) {
        std::fill(mean.begin(), mean.end(), 0.0f);
        for (int32_t pos = map.offsets[c]; pos < map.offsets[c + 1]; pos++) {
            // rows in cluster order are scattered over the weight
            flash_head_prefetch(row_at(std::min(pos + 2, last - 1)), rows.row_size);
            if (ordered) {
                memcpy((char *) ordered + pos*rows.row_size, row_at(pos), rows.row_size);
            }
            rows.convert(row_at(pos), value.data());
            for (int64_t i = 0; i < n_embd; i++) {
                mean[i] += value[i];
            }
        }
        flash_head_round_centroid(mean.data(), n_embd, map.offsets[c + 1] - map.offsets[c], centroid_type,
                (char *) centroids + c*centroid_size);
    }
}

void flash_head_build(
        const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        void * centroids, void * ordered, int n_threads) {
    const row_reader rows = { weight.data, weight.type, weight.n_embd };
    ggml_quantize_init(centroid_type); // not thread-safe
    flash_head_parallel_for(map.n_cluster, n_threads, [&](int64_t begin, int64_t end) {
        build_clusters(map, rows, weight.order, centroid_type, centroids, ordered, begin, end);
    });
}

void flash_head_build_centroids(
        const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        void * centroids, int n_threads) {
    flash_head_build(map, weight, centroid_type, centroids, nullptr, n_threads);
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
