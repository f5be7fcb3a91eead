#include "flash-head-build.h"

#include "flash-head-sketch.h"

#include <algorithm>
#include <string.h>
#include <thread>

// runs work(begin, end) over parts of 0 .. n - 1 on n_threads threads
template <typename F> static void parallel_for(int64_t n, int n_threads, const F & work) {
    std::vector<std::thread> threads;
    for (int i = 1; i < n_threads; i++) {
        threads.emplace_back(work, n*i/n_threads, n*(i + 1)/n_threads);
    }
    work(0, n/n_threads);
    for (std::thread & t : threads) {
        t.join();
    }
}

// The rows of a matrix as floats.
struct row_reader {
    const void    * data;
    ggml_type       type;
    int64_t         n_embd;
    size_t          row_size;
    ggml_to_float_t to_float; // none for F32

    row_reader(const void * data, ggml_type type, int64_t n_embd)
        : data(data), type(type), n_embd(n_embd), row_size(ggml_row_size(type, n_embd)), to_float(ggml_get_type_traits(type)->to_float) {}

    // row i, where it lies or converted to tmp [n_embd]
    const float * read(int64_t i, float * tmp) const {
        const char * src = (const char *) data + i*row_size;
        if (to_float == nullptr) {
            return (const float *) src;
        }
        to_float(src, tmp, n_embd);
        return tmp;
    }
};

int flash_head_build_threads() {
    return std::max(1, (int) std::thread::hardware_concurrency());
}

void flash_head_build_centroids(
        const flash_head_map & map, const void * weight, flash_head_order order, ggml_type weight_type, int64_t n_embd,
        ggml_type centroid_type, void * centroids, int n_threads) {
    const row_reader rows = { weight, weight_type, n_embd };
    const size_t     centroid_size = ggml_row_size(centroid_type, n_embd);

    ggml_quantize_init(centroid_type); // not thread-safe, so not left to the threads

    parallel_for(map.n_cluster, n_threads, [&](int64_t begin, int64_t end) {
        std::vector<float> row(n_embd), mean(n_embd);
        for (int64_t c = begin; c < end; c++) {
            std::fill(mean.begin(), mean.end(), 0.0f);
            for (int32_t pos = map.offsets[c]; pos < map.offsets[c + 1]; pos++) {
                const float * values = rows.read(order == FLASH_HEAD_BY_TOKEN ? map.tokens[pos] : pos, row.data());
                for (int64_t i = 0; i < n_embd; i++) {
                    mean[i] += values[i];
                }
            }
            const float scale = 1.0f/(map.offsets[c + 1] - map.offsets[c]);
            for (float & value : mean) {
                value *= scale;
            }
            ggml_quantize_chunk(centroid_type, mean.data(), (char *) centroids + c*centroid_size, 0, 1, n_embd, nullptr);
        }
    });
}

void flash_head_transpose(const std::vector<float> & directions, int32_t rank, float * out) {
    const int64_t n_embd = (int64_t) directions.size()/rank;
    for (int64_t i = 0; i < n_embd; i++) {
        for (int32_t j = 0; j < rank; j++) {
            out[i*rank + j] = directions[j*n_embd + i];
        }
    }
}

// out [rank] += sign * x [n_embd] on directions [n_embd][rank]; along the rank, so that it vectorises
static void project(const float * x, float sign, const float * directions, int64_t n_embd, int32_t rank, float * out) {
    float sums[FLASH_HEAD_SKETCH_MAX_RANK] = {};
    for (int64_t i = 0; i < n_embd; i++) {
        for (int32_t j = 0; j < rank; j++) {
            sums[j] += x[i]*directions[i*rank + j];
        }
    }
    for (int32_t j = 0; j < rank; j++) {
        out[j] += sign*sums[j];
    }
}

void flash_head_build_sketch(
        const flash_head_map & map, const void * weight, flash_head_order order, ggml_type weight_type, int64_t n_embd,
        ggml_type centroid_type, const void * centroids, void * sketch, int n_threads) {
    const row_reader rows  = { weight,    weight_type,   n_embd };
    const row_reader means = { centroids, centroid_type, n_embd };
    const int64_t    n_vocab = (int64_t) map.tokens.size();
    const int32_t    rank    = map.rank;

    std::vector<float> directions(rank*n_embd);
    flash_head_transpose(map.sketch_rows, rank, directions.data());

    std::vector<float> factors(n_vocab*rank);
    parallel_for(map.n_cluster, n_threads, [&](int64_t begin, int64_t end) {
        std::vector<float> tmp(n_embd);
        for (int64_t c = begin; c < end; c++) {
            float base[FLASH_HEAD_SKETCH_MAX_RANK] = {};
            project(means.read(c, tmp.data()), -1.0f, directions.data(), n_embd, rank, base);
            for (int32_t pos = map.offsets[c]; pos < map.offsets[c + 1]; pos++) {
                float * out = factors.data() + (int64_t) map.tokens[pos]*rank;
                std::copy_n(base, rank, out);
                project(rows.read(order == FLASH_HEAD_BY_TOKEN ? map.tokens[pos] : pos, tmp.data()), 1.0f, directions.data(), n_embd, rank, out);
            }
        }
    });

    const int64_t group = FLASH_HEAD_GROUP;
    parallel_for(flash_head_sketch_n_groups(n_vocab), n_threads, [&](int64_t begin, int64_t end) {
        for (int64_t g = begin; g < end; g++) {
            flash_head_sketch_pack(factors.data() + g*group*rank, (int32_t) std::min(group, n_vocab - g*group), rank,
                    (char *) sketch + g*flash_head_sketch_group_size(rank));
        }
    });
}

void flash_head_build_ordered(const flash_head_map & map, const void * weight, size_t row_size, void * ordered, int n_threads) {
    parallel_for((int64_t) map.tokens.size(), n_threads, [&](int64_t begin, int64_t end) {
        for (int64_t pos = begin; pos < end; pos++) {
            memcpy((char *) ordered + pos*row_size, (const char *) weight + map.tokens[pos]*row_size, row_size);
        }
    });
}
