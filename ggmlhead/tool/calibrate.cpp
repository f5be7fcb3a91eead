#include "commands.h"

#include "flags.h"
#include "flash-head-calibrate.h"
#include "flash-head-codes.h"
#include "flash-head-processors.h"
#include "flash-head-settings.h"
#include "input.h"
#include "json.h"
#include "output.h"
#include "progress.h"

#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>

struct calibrate_args {
    std::string model;
    std::string tensor;
    std::string assignments;
    std::string centroid_type;
    std::string hidden;
    std::string fit;
    std::string codes;
    std::string records;
    std::string tolerance;
    int64_t     clusters    = 0;
    int64_t     coarse_bits = 0;
    int64_t     fine_bytes  = -1;
    int64_t     near        = 0;
    int64_t     directions  = 0;
    int64_t     probes      = 0;
    int64_t     threads     = 0;

    std::vector<int64_t> kinds; // of fit
    float tolerance_value = 0.0f;
};

// Reads "N1,N2,...", each at least 1. Returns false otherwise.
static bool parse_list(const std::string & text, std::vector<int64_t> * out) {
    for (const char * at = text.c_str(); ; at++) {
        char * end = nullptr;
        const long long n = strtoll(at, &end, 10);
        if (!isdigit((unsigned char) *at) || n < 1 || n > INT32_MAX || (*end != ',' && *end != '\0')) {
            return false;
        }
        out->push_back(n);
        at = end;
        if (*at == '\0') {
            return true;
        }
    }
}

// Returns what is wrong with the arguments, "" if nothing.
static std::string flaw_of(calibrate_args * args) {
    for (const std::string * text : { &args->model, &args->tensor, &args->assignments, &args->centroid_type,
            &args->codes }) {
        if (text->empty() || args->clusters == 0 || args->coarse_bits == 0 || args->fine_bytes < 0 || args->near == 0
                || args->directions == 0) {
            return "calibrate needs --model, --tensor, --clusters, --assignments, --centroid-type, --coarse-bits, "
                   "--fine-bytes, --near, --directions and --codes";
        }
    }
    if (args->hidden.empty() != args->fit.empty() || args->hidden.empty() != args->records.empty()) {
        return "--hidden, --fit and --records are needed together";
    }
    if (!args->hidden.empty() && args->probes == 0) {
        return "--records needs --probes";
    }
    if (args->coarse_bits % 8 != 0) {
        return "--coarse-bits must be a multiple of 8";
    }
    if (args->fine_bytes % FLASH_HEAD_FINE_LINE != 0) {
        return "--fine-bytes must be a multiple of " + std::to_string(FLASH_HEAD_FINE_LINE);
    }
    if (args->probes > args->clusters) {
        return "--probes must not be greater than --clusters";
    }
    if (!args->fit.empty() && !parse_list(args->fit, &args->kinds)) {
        return "--fit must be whole numbers from 1 on, with commas between them";
    }
    char * end = nullptr;
    args->tolerance_value = strtof(args->tolerance.c_str(), &end);
    if (*end != '\0' || !std::isfinite(args->tolerance_value) || args->tolerance_value < 0.0f) {
        return "--tolerance must be a number of at least 0";
    }
    return "";
}

// Returns false after printing an error.
static bool parse_args(int argc, char ** argv, calibrate_args * args) {
    const flash_head_flag flags[] = {
        { "--model",         &args->model,         nullptr,            0, 0                          },
        { "--tensor",        &args->tensor,        nullptr,            0, 0                          },
        { "--assignments",   &args->assignments,   nullptr,            0, 0                          },
        { "--centroid-type", &args->centroid_type, nullptr,            0, 0                          },
        { "--hidden",        &args->hidden,        nullptr,            0, 0                          },
        { "--fit",           &args->fit,           nullptr,            0, 0                          },
        { "--codes",         &args->codes,         nullptr,            0, 0                          },
        { "--records",       &args->records,       nullptr,            0, 0                          },
        { "--tolerance",     &args->tolerance,     nullptr,            0, 0                          },
        { "--clusters",      nullptr,              &args->clusters,    1, INT32_MAX                  },
        { "--coarse-bits",   nullptr,              &args->coarse_bits, 8, FLASH_HEAD_COARSE_MAX_BITS },
        { "--fine-bytes",    nullptr,              &args->fine_bytes,  0, FLASH_HEAD_FINE_MAX_BYTES  },
        { "--near",          nullptr,              &args->near,        1, INT32_MAX                  },
        { "--directions",    nullptr,              &args->directions,  1, FLASH_HEAD_MAX_DIRECTIONS  },
        { "--probes",        nullptr,              &args->probes,      1, INT32_MAX                  },
        { "--threads",       nullptr,              &args->threads,     0, 4096                       },
    };
    if (!flash_head_parse_flags(argc, argv, flags, sizeof(flags)/sizeof(flags[0]))) {
        return false;
    }
    const std::string flaw = flaw_of(args);
    if (!flaw.empty()) {
        fprintf(stderr, "error: %s\n", flaw.c_str());
    }
    return flaw.empty();
}

namespace {
struct reporter {
    flash_head_tool_clock clock;

    void operator()(const char * stage, double fraction) {
        json_object line;
        if (clock.due(stage, 0, &line)) {
            line.add("fraction", fraction);
            json_print(line);
        }
    }
};
} // namespace

static void print_start(const flash_head_tensor_info & info, int64_t n_hidden, int n_threads) {
    json_object line;
    flash_head_tool_add_tensor(&line, info);
    line.add("hidden",  n_hidden);
    line.add("threads", (int64_t) n_threads);
    json_print(line);
}

static void print_done(const flash_head_calibration & result, double seconds) {
    json_object line;
    line.add("event",      "done");
    line.add("directions", (int64_t) result.directions.variances.size());
    line.add("kept",       result.directions.kept);
    line.add("rounds",     (int64_t) result.directions.rounds);
    line.add("near",       result.near);
    line.add("exact",      result.exact);
    line.add("seconds",    seconds);
    json_print(line);
}

// The file of codes: the number of directions, then the bits of rows, activations, variances and weights.
static std::vector<uint32_t> words_of(const flash_head_calibration & result) {
    const std::vector<double> & variances = result.directions.variances;
    const std::vector<float> rounded(variances.begin(), variances.end());
    std::vector<uint32_t> words = { (uint32_t) variances.size() };
    for (const std::vector<float> * values : { &result.directions.rows, &result.directions.activations, &rounded,
            &result.weights }) {
        for (float value : *values) {
            uint32_t word;
            memcpy(&word, &value, sizeof(word));
            words.push_back(word);
        }
    }
    return words;
}

// Checks the sizes of the files. Returns false and sets error.
static bool check_sizes(const calibrate_args & args, const flash_head_tensor_info & info, enum ggml_type centroid_type,
        int64_t n_hidden, std::string * error) {
    const int64_t n_fitted = std::accumulate(args.kinds.begin(), args.kinds.end(), (int64_t) 0);
    if (centroid_type == GGML_TYPE_COUNT || info.n_cols % ggml_blck_size(centroid_type) != 0) {
        *error = "centroids of " + std::to_string(info.n_cols) + " columns cannot have type " + args.centroid_type;
    } else if (args.near > info.n_rows) {
        *error = "--near is greater than the " + std::to_string(info.n_rows) + " rows of " + args.tensor;
    } else if (n_fitted > n_hidden) {
        *error = args.hidden + " has " + std::to_string(n_hidden) + " rows, --fit asks for "
                + std::to_string(n_fitted);
    } else {
        return true;
    }
    return false;
}

static bool calibrate(const calibrate_args & args, std::string * error) {
    reporter report;
    flash_head_calibrate_params params;
    params.centroid_type = flash_head_centroid_type(args.centroid_type.c_str());
    params.coarse_bits   = (int32_t) args.coarse_bits;
    params.fine_bytes    = (int32_t) args.fine_bytes;
    params.n_near        = (int32_t) args.near;
    params.n_directions  = (int32_t) args.directions;
    params.n_probe       = args.probes;
    params.tolerance     = args.tolerance_value;
    params.progress      = [&](const char * stage, double fraction) { report(stage, fraction); };

    flash_head_dense_weight weight;
    flash_head_matrix       hidden;
    std::vector<uint32_t>   cluster, sizes;
    const bool with_hidden = !args.hidden.empty();
    int64_t    n_hidden    = 0;
    const int  n_threads   = args.threads > 0 ? (int) args.threads : flash_head_processors();
    if (!flash_head_tensor_find(args.model.c_str(), args.tensor.c_str(), &weight.info, error)
            || (with_hidden && !flash_head_tool_count_rows(args.hidden, weight.info.n_cols, &n_hidden, error))
            || !check_sizes(args, weight.info, params.centroid_type, n_hidden, error)
            || !flash_head_tool_read_assignments(args.assignments, weight.info.n_rows, args.clusters, &cluster, &sizes,
            error)) {
        return false;
    }
    print_start(weight.info, n_hidden, n_threads);

    std::unique_ptr<flash_head_pool, decltype(&flash_head_pool_free)> pool(flash_head_pool_new(n_threads),
            flash_head_pool_free);
    flash_head_matrix_init(&hidden, n_hidden, weight.info.n_cols);
    flash_head_calibration result;
    if ((with_hidden && !flash_head_tool_read_floats(args.hidden, n_hidden, hidden.n_cols, hidden.row(0),
            hidden.n_stride, error))
            || !flash_head_dense_weight_read(&weight, pool.get(), error)
            || !flash_head_calibrate({ weight, cluster, args.clusters }, { hidden, args.kinds }, params, pool.get(),
            &result, error)
            || !flash_head_tool_write(args.codes, words_of(result), error)
            || (with_hidden && !flash_head_tool_write(args.records, result.records, error))) {
        return false;
    }
    print_done(result, report.clock.seconds());
    return true;
}

int flash_head_tool_calibrate(int argc, char ** argv) {
    calibrate_args args;
    if (!parse_args(argc, argv, &args)) {
        return 2;
    }
    // ggml's log would mix with the protocol
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr);

    std::string error;
    if (!calibrate(args, &error)) {
        fprintf(stderr, "error: %s\n", error.c_str());
        return 1;
    }
    return 0;
}
