#include "commands.h"

#include "flags.h"
#include "flash-head-build.h"
#include "flash-head-row.h"
#include "flash-head-stream.h"
#include "input.h"
#include "output.h"
#include "rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <vector>

struct centroids_args {
    std::string model;
    std::string tensor;
    std::string assignments;
    std::string out;
    int64_t     clusters = 0;
};

static centroids_args parse_args(int argc, char ** argv) {
    centroids_args args;
    flash_head_parse_flags(argc, argv, {
        { "--model", &args.model },
        { "--tensor", &args.tensor },
        { "--assignments", &args.assignments },
        { "--out", &args.out },
        { "--clusters", &args.clusters, 1, INT32_MAX },
    });
    if (args.model.empty() || args.tensor.empty() || args.assignments.empty() || args.out.empty()
            || args.clusters == 0) {
        throw flash_head_usage_error("--model, --tensor, --clusters, --assignments and --out are needed");
    }
    return args;
}

// The rows of a tensor in a file, for flash_head_stream. Throws on a read error, and on a NaN or an infinity.
static flash_head_fetch rows_of(const flash_head_tensor_info & info, std::ifstream & file) {
    file.open(info.path, std::ios::binary);
    return [&info, &file](int64_t first, int64_t n, void * out) {
        const size_t row_size = ggml_row_size(info.type, info.n_cols);
        file.seekg((std::streamoff) (info.offset + first*row_size));
        if (!file.read((char *) out, (std::streamsize) (n*row_size))) {
            throw std::runtime_error("cannot read tensor " + info.name + " from " + info.path);
        }
        std::vector<float> row(info.n_cols);
        for (int64_t i = 0; i < n; i++) {
            flash_head_to_float(info.type, (const char *) out + i*row_size, row.data(), info.n_cols);
            if (!std::all_of(row.begin(), row.end(), [](float x) { return std::isfinite(x); })) {
                throw std::runtime_error("tensor " + info.name + " has a NaN or infinite weight in row "
                        + std::to_string(first + i));
            }
        }
    };
}

// The means of the clusters' rows, computed as in the runtime, as bits of floats, column by column: [n_cols][K].
static std::vector<uint32_t> means(const flash_head_tensor_info & info, const std::vector<uint32_t> & cluster,
        int64_t n_clusters) {
    flash_head_map map;
    map.n_cluster = n_clusters;
    map.cluster.assign(cluster.begin(), cluster.end());
    flash_head_map_sort(map);

    std::ifstream      file;
    std::vector<float> rows(n_clusters*info.n_cols);
    flash_head_stream(map, rows_of(info, file), info.type, info.n_cols, GGML_TYPE_F32, rows.data(),
            flash_head_build_threads());

    std::vector<uint32_t> out(rows.size());
    for (int64_t c = 0; c < n_clusters; c++) {
        for (int64_t k = 0; k < info.n_cols; k++) {
            memcpy(&out[k*n_clusters + c], &rows[c*info.n_cols + k], sizeof(float));
        }
    }
    return out;
}

void flash_head_tool_centroids(int argc, char ** argv) {
    const centroids_args         args = parse_args(argc, argv);
    const flash_head_tensor_info info = flash_head_tensor_find(args.model, args.tensor);
    const std::vector<uint32_t>  cluster =
            flash_head_tool_read_assignments(args.assignments, info.n_rows, args.clusters);
    flash_head_tool_write(args.out, means(info, cluster, args.clusters));
}
