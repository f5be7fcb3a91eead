#pragma once

#include <cstdint>
#include <string>
#include <vector>

// These throw std::runtime_error.

// Reads the cluster of each of n_rows rows, little-endian uint32, from a file of exactly these. Each of n_clusters
// clusters must have some.
std::vector<uint32_t> flash_head_tool_read_assignments(const std::string & path, int64_t n_rows, int64_t n_clusters);

// Tells how many rows of n_cols numbers of 4 bytes a file holds: a whole number of them, at least one.
int64_t flash_head_tool_count_rows(const std::string & path, int64_t n_cols);

// Reads n_rows such rows of little-endian float32, row i to out + i*n_stride. Names the first row with a NaN or
// infinite number.
void flash_head_tool_read_floats(const std::string & path, int64_t n_rows, int64_t n_cols, float * out,
        int64_t n_stride);
