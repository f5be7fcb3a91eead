#include "flash-head-stream.h"

#include "flash-head-build.h"
#include "flash-head-row.h"
#include "flash-head-threads.h"

#include <algorithm>
#include <string.h>

namespace {

// Consecutive rows of a weight, as floats.
struct rows_piece {
    int64_t              first = 0, n = 0;
    std::vector<uint8_t> raw;
    std::vector<float>   values; // [n][n_embd]
};

// A walk through the weight in the order of tokens.
struct row_stream {
    const flash_head_fetch & fetch;
    const ggml_type          type;
    const int64_t            n_embd, n_rows;
    const int                n_threads;
    const size_t             row_size = ggml_row_size(type, n_embd);
    const int64_t            n_piece  = std::max<int64_t>(1, (int64_t) (FLASH_HEAD_STREAM_FETCH/row_size));

    template <typename F> void each(const F & visit) const {
        rows_piece piece;
        piece.raw.resize(n_piece*row_size);
        piece.values.resize(n_piece*n_embd);
        for (piece.first = 0; piece.first < n_rows; piece.first += n_piece) {
            piece.n = std::min(n_piece, n_rows - piece.first);
            fetch(piece.first, piece.n, piece.raw.data());
            flash_head_parallel_for(piece.n, n_threads, [&](int64_t begin, int64_t end) {
                if (begin < end) {
                    flash_head_to_float(type, piece.raw.data() + begin*row_size, piece.values.data() + begin*n_embd,
                            (end - begin)*n_embd);
                }
            });
            visit(piece);
        }
    }
};

} // namespace

// Adds the rows of clusters begin .. end - 1 to sums [end - begin][n_embd]. Threads share the columns, so a cluster's
// rows are summed in the order of tokens, as in flash_head_build.
static void add_rows(const flash_head_map & map, const rows_piece & piece, int64_t begin, int64_t end, int64_t n_embd,
        float * sums, int n_threads) {
    flash_head_parallel_for(n_embd, n_threads, [&](int64_t from, int64_t to) {
        for (int64_t r = 0; r < piece.n; r++) {
            const int32_t c = map.cluster[piece.first + r];
            if (c < begin || c >= end) {
                continue;
            }
            const float * value = piece.values.data() + r*n_embd;
            float       * sum   = sums + (c - begin)*n_embd;
            for (int64_t i = from; i < to; i++) {
                sum[i] += value[i];
            }
        }
    });
}

void flash_head_stream(
        const flash_head_map & map, const flash_head_fetch & fetch, ggml_type weight_type, int64_t n_embd,
        ggml_type centroid_type, void * centroids, int n_threads, size_t max_sums) {
    const row_stream rows = { fetch, weight_type, n_embd, (int64_t) map.cluster.size(), n_threads };
    const size_t centroid_size = ggml_row_size(centroid_type, n_embd);

    ggml_quantize_init(centroid_type); // not thread-safe, so not left to the threads

    const int64_t n_pass = std::max<int64_t>(1, std::min<int64_t>(map.n_cluster,
            (int64_t) (max_sums/(n_embd*sizeof(float)))));
    std::vector<float> sums(n_pass*n_embd);
    for (int64_t begin = 0; begin < map.n_cluster; begin += n_pass) {
        const int64_t end = std::min(begin + n_pass, map.n_cluster);
        std::fill(sums.begin(), sums.end(), 0.0f);
        rows.each([&](const rows_piece & piece) {
            add_rows(map, piece, begin, end, n_embd, sums.data(), n_threads);
        });
        flash_head_parallel_for(end - begin, n_threads, [&](int64_t from, int64_t to) {
            for (int64_t c = from; c < to; c++) {
                flash_head_round_centroid(sums.data() + c*n_embd, n_embd,
                        map.offsets[begin + c + 1] - map.offsets[begin + c],
                        centroid_type, (char *) centroids + (begin + c)*centroid_size);
            }
        });
    }
}
