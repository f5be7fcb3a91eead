#pragma once

// Centroids of a head's weight that the host cannot address. Host-independent.

#include "flash-head-map.h"

#include <functional>

// Bytes of the weight per fetch, rounded to whole rows.
#define FLASH_HEAD_STREAM_FETCH ((size_t) 4*1024*1024)

// Limit for the clusters' sums in memory, in bytes. Larger heads take several passes over the weight.
#define FLASH_HEAD_STREAM_SUMS ((size_t) 256*1024*1024)

// Copies rows first .. first + n - 1 of the weight, which are in the order of tokens, to out. May throw.
typedef std::function<void(int64_t first, int64_t n, void * out)> flash_head_fetch;

// Makes bit for bit the centroids of flash_head_build (flash-head-build.h). Fetches the rows in pieces, so that the
// weight is not in memory twice. max_sums: FLASH_HEAD_STREAM_SUMS; tests take less.
void flash_head_stream(
        const flash_head_map & map, const flash_head_fetch & fetch, ggml_type weight_type, int64_t n_embd,
        ggml_type centroid_type, void * centroids, int n_threads, size_t max_sums = FLASH_HEAD_STREAM_SUMS);
