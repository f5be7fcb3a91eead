#pragma once

// What is derived from a head's weight that lies where the host cannot see it. Host-independent.

#include "flash-head-map.h"

#include <functional>

// The most bytes of a weight that are fetched at once, but always whole rows.
#define FLASH_HEAD_STREAM_FETCH ((size_t) 4*1024*1024)

// The most bytes of sums of clusters that are kept at once: what needs more takes several passes over the weight.
#define FLASH_HEAD_STREAM_SUMS ((size_t) 256*1024*1024)

// Copies rows first .. first + n - 1 of the weight, which are in the order of tokens, to out. May throw.
typedef std::function<void(int64_t first, int64_t n, void * out)> flash_head_fetch;

// Makes the same centroids and, unless it is nullptr, the same sketch as flash_head_build (flash-head-build.h), bit by
// bit, but fetches the rows piece by piece, so that no second copy of the weight is in memory. max_sums:
// FLASH_HEAD_STREAM_SUMS; tests take less.
void flash_head_stream(
        const flash_head_map & map, const flash_head_fetch & fetch, ggml_type weight_type, int64_t n_embd,
        ggml_type centroid_type, void * centroids, void * sketch, int n_threads, size_t max_sums =
        FLASH_HEAD_STREAM_SUMS);
