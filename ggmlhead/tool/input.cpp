#include "input.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <stdexcept>

static uint32_t read_word(const uint8_t * b) {
    return b[0] | b[1] << 8 | b[2] << 16 | (uint32_t) b[3] << 24;
}

std::vector<uint32_t> flash_head_tool_read_assignments(const std::string & path, int64_t n_rows, int64_t n_clusters) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::vector<uint8_t> bytes(n_rows*4);
    if (!file || (int64_t) file.tellg() != n_rows*4 || !file.seekg(0) || !file.read((char *) bytes.data(), n_rows*4)) {
        throw std::runtime_error(path + " is not a file of " + std::to_string(n_rows) + " numbers");
    }
    std::vector<uint32_t> cluster(n_rows);
    std::vector<bool>     used(n_clusters);
    for (int64_t i = 0; i < n_rows; i++) {
        cluster[i] = read_word(bytes.data() + 4*i);
        if (cluster[i] >= n_clusters) {
            throw std::runtime_error("row " + std::to_string(i) + " is in cluster " + std::to_string(cluster[i])
                    + " of " + std::to_string(n_clusters));
        }
        used[cluster[i]] = true;
    }
    const auto empty = std::find(used.begin(), used.end(), false);
    if (empty != used.end()) {
        throw std::runtime_error("cluster " + std::to_string(empty - used.begin()) + " is empty");
    }
    return cluster;
}

int64_t flash_head_tool_count_rows(const std::string & path, int64_t n_cols) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    const int64_t n_bytes = file ? (int64_t) file.tellg() : -1;
    if (n_bytes <= 0 || n_bytes % (4*n_cols) != 0) {
        throw std::runtime_error(path + " is not a file of rows of " + std::to_string(n_cols) + " numbers");
    }
    return n_bytes/(4*n_cols);
}

void flash_head_tool_read_floats(const std::string & path, int64_t n_rows, int64_t n_cols, float * out,
        int64_t n_stride) {
    std::ifstream        file(path, std::ios::binary);
    std::vector<uint8_t> bytes(n_cols*4);
    for (int64_t i = 0; i < n_rows; i++) {
        if (!file.read((char *) bytes.data(), n_cols*4)) {
            throw std::runtime_error("cannot read " + path);
        }
        for (int64_t k = 0; k < n_cols; k++) {
            const uint32_t word = read_word(bytes.data() + 4*k);
            float value;
            memcpy(&value, &word, sizeof(value));
            if (!std::isfinite(value)) {
                throw std::runtime_error(path + " has a NaN or infinite number in row " + std::to_string(i));
            }
            out[i*n_stride + k] = value;
        }
    }
}
