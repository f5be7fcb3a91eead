#include "input.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>

static uint32_t read_word(const uint8_t * b) {
    return b[0] | b[1] << 8 | b[2] << 16 | (uint32_t) b[3] << 24;
}

bool flash_head_tool_read_assignments(const std::string & path, int64_t n_rows, int64_t n_clusters,
        std::vector<uint32_t> * cluster, std::vector<uint32_t> * sizes, std::string * error) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::vector<uint8_t> bytes(n_rows*4);
    if (!file || (int64_t) file.tellg() != n_rows*4 || !file.seekg(0) || !file.read((char *) bytes.data(), n_rows*4)) {
        *error = path + " is not a file of " + std::to_string(n_rows) + " numbers";
        return false;
    }
    cluster->resize(n_rows);
    sizes->assign(n_clusters, 0);
    for (int64_t i = 0; i < n_rows; i++) {
        const uint32_t c = read_word(bytes.data() + 4*i);
        if (c >= n_clusters) {
            *error = "row " + std::to_string(i) + " is in cluster " + std::to_string(c) + " of "
                    + std::to_string(n_clusters);
            return false;
        }
        (*cluster)[i] = c;
        (*sizes)[c]++;
    }
    const auto empty = std::find(sizes->begin(), sizes->end(), 0u);
    if (empty != sizes->end()) {
        *error = "cluster " + std::to_string(empty - sizes->begin()) + " is empty";
        return false;
    }
    return true;
}

bool flash_head_tool_count_rows(const std::string & path, int64_t n_cols, int64_t * n_rows, std::string * error) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    const int64_t n_bytes = file ? (int64_t) file.tellg() : -1;
    if (n_bytes <= 0 || n_bytes % (4*n_cols) != 0) {
        *error = path + " is not a file of rows of " + std::to_string(n_cols) + " numbers";
        return false;
    }
    *n_rows = n_bytes/(4*n_cols);
    return true;
}

bool flash_head_tool_read_floats(const std::string & path, int64_t n_rows, int64_t n_cols, float * out,
        int64_t n_stride, std::string * error) {
    std::ifstream        file(path, std::ios::binary);
    std::vector<uint8_t> bytes(n_cols*4);
    for (int64_t i = 0; i < n_rows; i++) {
        if (!file.read((char *) bytes.data(), n_cols*4)) {
            *error = "cannot read " + path;
            return false;
        }
        for (int64_t k = 0; k < n_cols; k++) {
            const uint32_t word = read_word(bytes.data() + 4*k);
            float value;
            memcpy(&value, &word, sizeof(value));
            if (!std::isfinite(value)) {
                *error = path + " has a NaN or infinite number in row " + std::to_string(i);
                return false;
            }
            out[i*n_stride + k] = value;
        }
    }
    return true;
}
