#include "flash-head-build.h"

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

int flash_head_build_threads() {
    return std::max(1, (int) std::thread::hardware_concurrency());
}

void flash_head_build_centroids(
        const flash_head_map & map, const void * weight, flash_head_order order, ggml_type weight_type, int64_t n_embd,
        ggml_type centroid_type, void * centroids, int n_threads) {
    const ggml_to_float_t to_float      = ggml_get_type_traits(weight_type)->to_float; // none for F32
    const size_t          row_size      = ggml_row_size(weight_type,   n_embd);
    const size_t          centroid_size = ggml_row_size(centroid_type, n_embd);

    ggml_quantize_init(centroid_type); // not thread-safe, so not left to the threads

    parallel_for(map.n_cluster, n_threads, [&](int64_t begin, int64_t end) {
        std::vector<float> row(n_embd), mean(n_embd);
        for (int64_t c = begin; c < end; c++) {
            std::fill(mean.begin(), mean.end(), 0.0f);
            for (int32_t pos = map.offsets[c]; pos < map.offsets[c + 1]; pos++) {
                const int64_t i_row  = order == FLASH_HEAD_BY_TOKEN ? map.tokens[pos] : pos;
                const char  * src    = (const char *) weight + i_row*row_size;
                const float * values = (const float *) src;
                if (to_float) {
                    to_float(src, row.data(), n_embd);
                    values = row.data();
                }
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

void flash_head_build_ordered(const flash_head_map & map, const void * weight, size_t row_size, void * ordered, int n_threads) {
    parallel_for((int64_t) map.tokens.size(), n_threads, [&](int64_t begin, int64_t end) {
        for (int64_t pos = begin; pos < end; pos++) {
            memcpy((char *) ordered + pos*row_size, (const char *) weight + map.tokens[pos]*row_size, row_size);
        }
    });
}
