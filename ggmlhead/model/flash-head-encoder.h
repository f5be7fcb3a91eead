#pragma once

// Makes the codes of tokens, some at a time, for flash-head-encode.cpp.

#include "flash-head-encode.h"
#include "flash-head-make.h"

// The rows of a weight, less their clusters' centroids.
struct flash_head_residuals {
    const flash_head_map       & map;
    const flash_head_weight_rows weight;
    const int64_t                n_embd;

    flash_head_residuals(const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
            const void * centroids);

    // out [n_embd]: of a token. mean [n_embd] is scratch memory.
    void read(int64_t token, float * out, float * mean) const;

private:
    const flash_head_make_kernels & kernels;
    const size_t    row_size;
    const ggml_type centroid_type;
    const char    * centroids;
    const size_t    centroid_size;
};

// What all threads read.
struct flash_head_encoder {
    const flash_head_residuals    & residuals;
    const flash_head_make_kernels & kernels;
    const int64_t n_embd;
    const int64_t n_columns; // n_embd, filled up to lanes
    const int32_t coarse_bits, n_lines;

    std::vector<float> per_size; // [n_columns]: 1/the residuals' size in a column

    // the directions that have bits, filled up to panels
    int32_t              n_used;
    std::vector<float>   bits;       // [n_used]
    std::vector<int8_t>  directions; // as flash_head_make_kernels::project takes them
    std::vector<int32_t> sums;       // [n_used]: of directions
    std::vector<float>   units;      // of directions, filled up with zeros to lanes
    std::vector<int16_t> tables;     // as flash_head_make_kernels::decode takes them
    std::vector<float>   back_units; // [n_columns]: of tables
    flash_head_rounder   coarse;

    // squares [n_embd]: mean squares of the residuals' columns; bits, steps [n_directions]
    flash_head_encoder(const flash_head_map & map, const flash_head_residuals & residuals,
            const std::vector<double> & squares, const float * bits, const float * steps, int n_threads);

private:
    void set_directions(const flash_head_map & map, const std::vector<double> & squares,
            const std::vector<int32_t> & used);
    void set_tables(const flash_head_map & map, const std::vector<int32_t> & used, const float * steps, int n_threads);
};

// Some tokens in work, as one thread sees them.
struct flash_head_encoder_block {
    // More would not fit in the cache, fewer would read the tables more often. A multiple of the group.
    static const int32_t MOST = 128;

    std::vector<float> squares; // [2][n_columns]: sums over the block, after the coarse code and after both

    // An empty plan has no fine code.
    flash_head_encoder_block(const flash_head_encoder & e, const flash_head_fine_plan & plan);

    // Makes the codes of n <= MOST tokens: groups of coarse ones, fine ones and their scales.
    template <typename F>
    void encode(int32_t n, const F & token, uint8_t * coarse, uint8_t * fine, uint8_t * fine_scales) {
        for (int32_t r = 0; r < n; r++) {
            read(token(r), r);
        }
        encode_rows(n, coarse, fine, fine_scales);
    }

private:
    const flash_head_encoder & e;
    const flash_head_rounding  of_coarse;
    const flash_head_rounder   of_fine; // by column
    std::vector<int32_t> slot_columns;  // n_columns for none
    int32_t              fine_lines[FLASH_HEAD_FINE_WIDTHS];

    const int64_t stride;           // of rows: an odd number of cache lines, which so have different places in a cache
    std::vector<float>   rows;      // [MOST][stride]: residuals
    std::vector<float>   mean;      // [n_embd]
    std::vector<uint8_t> rounded;   // [MOST][n_columns]
    std::vector<float>   row_units; // [MOST]: of rounded
    std::vector<int32_t> products;  // [MOST][n_used], and some more
    std::vector<float>   values;    // of directions
    std::vector<float>   decoded;   // of directions, or of columns
    std::vector<int32_t> numbers;   // of columns, and 0
    std::vector<int32_t> q;         // [GROUP][directions]
    std::vector<float>   scales;    // [MOST]
    std::vector<uint8_t> codes;     // [MOST][n_lines]
    std::vector<int16_t> sums;      // [MOST][stride]

    void read(int64_t token, int32_t r);
    void encode_rows(int32_t n, uint8_t * coarse, uint8_t * fine, uint8_t * fine_scales);
};
