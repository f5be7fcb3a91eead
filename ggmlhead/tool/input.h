#pragma once

#include <cstdint>
#include <string>
#include <vector>

// Reads the cluster of each of n_rows rows, little-endian uint32, from a file of exactly these, and counts the rows of
// each of n_clusters clusters, none of which may be empty. Returns false and sets error.
bool flash_head_tool_read_assignments(const std::string & path, int64_t n_rows, int64_t n_clusters,
        std::vector<uint32_t> * cluster, std::vector<uint32_t> * sizes, std::string * error);

// Tells how many rows of n_cols numbers of 4 bytes a file holds. Returns false and sets error if that is none, or no
// integer of rows.
bool flash_head_tool_count_rows(const std::string & path, int64_t n_cols, int64_t * n_rows, std::string * error);

// Reads n_rows such rows of little-endian float32, row i to out + i*n_stride. Returns false and sets error: read
// errors, NaN or infinite numbers (names the first such row).
bool flash_head_tool_read_floats(const std::string & path, int64_t n_rows, int64_t n_cols, float * out,
        int64_t n_stride, std::string * error);
