#include "commands.h"

#include "flags.h"
#include "input.h"
#include "output.h"
#include "rows.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <vector>

struct centroids_args {
    std::string model;
    std::string tensor;
    std::string assignments;
    std::string out;
    int64_t     clusters = 0;
};

// Returns false after printing what is wrong.
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
    if (args->model.empty() || args->tensor.empty() || args->assignments.empty() || args->out.empty() || args->clusters == 0) {
        fprintf(stderr, "error: --model, --tensor, --clusters, --assignments and --out are needed\n");
        return false;
    }
    return true;
}

// Adds each row to its cluster's sum [n_cols]. A cluster's rows are added in ascending order, as flash_head_build_centroids
// does when a model loads, so the floats are the same.
static bool add_rows(const fhc_tensor_info & info, const std::vector<uint32_t> & cluster, std::vector<float> * sums, std::string * error) {
    const size_t  row_size = ggml_row_size(info.type, info.n_cols);
    const int64_t n_block  = std::max<int64_t>(1, (1 << 20)/(int64_t) row_size);    // rows a read: 1 MiB
    const auto    to_float = info.type == GGML_TYPE_F32 ? nullptr : ggml_get_type_traits(info.type)->to_float;

    std::ifstream        file(info.path, std::ios::binary);
    std::vector<uint8_t> raw(n_block*row_size);
    std::vector<float>   row(info.n_cols);
    file.seekg((std::streamoff) info.offset);
    for (int64_t begin = 0; begin < info.n_rows; begin += n_block) {
        const int64_t end = std::min(begin + n_block, info.n_rows);
        if (!file.read((char *) raw.data(), (std::streamsize) ((end - begin)*row_size))) {
            *error = "cannot read tensor " + info.name + " from " + info.path;
            return false;
        }
        for (int64_t i = begin; i < end; i++) {
            const uint8_t * src = raw.data() + (i - begin)*row_size;
            if (to_float) {
                to_float(src, row.data(), info.n_cols);
            } else {
                memcpy(row.data(), src, row_size);
            }
            float * sum = sums->data() + (size_t) cluster[i]*info.n_cols;
            for (int64_t k = 0; k < info.n_cols; k++) {
                sum[k] += row[k];
            }
        }
    }
    return true;
}

// The means as the bits of floats, column by column: [n_cols][K].
static bool means(
        const fhc_tensor_info & info, const std::vector<uint32_t> & sizes, const std::vector<float> & sums,
        std::vector<uint32_t> * out, std::string * error) {
    out->resize(sums.size());
    for (size_t c = 0; c < sizes.size(); c++) {
        const float scale = 1.0f/sizes[c];
        for (int64_t k = 0; k < info.n_cols; k++) {
            const float value = sums[c*info.n_cols + k]*scale;
            if (!std::isfinite(value)) {
                *error = "tensor " + info.name + " has a NaN or infinite weight in a row of cluster " + std::to_string(c);
                return false;
            }
            memcpy(out->data() + k*sizes.size() + c, &value, sizeof(value));
        }
    }
    return true;
}

int flash_head_tool_centroids(int argc, char ** argv) {
    centroids_args args;
    if (!parse_args(argc, argv, &args)) {
        return 2;
    }
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr);

    std::string           error;
    fhc_tensor_info       info;
    std::vector<uint32_t> cluster, sizes, out;
    std::vector<float>    sums;
    bool ok = fhc_tensor_find(args.model.c_str(), args.tensor.c_str(), &info, &error);
    ok = ok && flash_head_tool_read_assignments(args.assignments, info.n_rows, args.clusters, &cluster, &sizes, &error);
    if (ok) {
        sums.resize(sizes.size()*info.n_cols);
    }
    ok = ok && add_rows(info, cluster, &sums, &error);
    ok = ok && means(info, sizes, sums, &out, &error);
    sums = {};
    ok = ok && flash_head_tool_write(args.out, out, &error);
    if (!ok) {
        fprintf(stderr, "error: %s\n", error.c_str());
        return 1;
    }
    return 0;
}
