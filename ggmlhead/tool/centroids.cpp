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
#include <cstdio>
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

// Returns false after printing an error.
static bool parse_args(int argc, char ** argv, centroids_args * args) {
    const flash_head_flag flags[] = {
        { "--model",       &args->model,       nullptr,         0, 0         },
        { "--tensor",      &args->tensor,      nullptr,         0, 0         },
        { "--assignments", &args->assignments, nullptr,         0, 0         },
        { "--out",         &args->out,         nullptr,         0, 0         },
        { "--clusters",    nullptr,            &args->clusters, 1, INT32_MAX },
    };
    if (!flash_head_parse_flags(argc, argv, flags, sizeof(flags)/sizeof(flags[0]))) {
        return false;
    }
    if (args->model.empty() || args->tensor.empty() || args->assignments.empty() || args->out.empty()
            || args->clusters == 0) {
        fprintf(stderr, "error: --model, --tensor, --clusters, --assignments and --out are needed\n");
        return false;
    }
    return true;
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

int flash_head_tool_centroids(int argc, char ** argv) {
    centroids_args args;
    if (!parse_args(argc, argv, &args)) {
        return 2;
    }
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr);

    std::string            error;
    flash_head_tensor_info info;
    std::vector<uint32_t> cluster, sizes;
    bool ok = flash_head_tensor_find(args.model.c_str(), args.tensor.c_str(), &info, &error)
           && flash_head_tool_read_assignments(args.assignments, info.n_rows, args.clusters, &cluster, &sizes, &error);
    if (ok) {
        try {
            ok = flash_head_tool_write(args.out, means(info, cluster, args.clusters), &error);
        } catch (const std::runtime_error & e) {
            error = e.what();
            ok    = false;
        }
    }
    if (!ok) {
        fprintf(stderr, "error: %s\n", error.c_str());
        return 1;
    }
    return 0;
}
