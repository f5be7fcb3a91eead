#include "commands.h"

#include "flags.h"
#include "flash-head-calibrate.h"
#include "flash-head-processors.h"
#include "flash-head-settings.h"
#include "flash-head-codes.h"
#include "input.h"
#include "json.h"
#include "output.h"
#include "progress.h"

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
    std::string codes;
    std::string hidden;
    std::string fit;
    std::string records;
    int64_t     clusters    = 0;
    int64_t     coarse_bits = 0;
    int64_t     fine_bytes  = -1;
    int64_t     near        = 0;
    int64_t     probes      = 0;
    int64_t     directions  = 0;
    int64_t     threads     = 0;

    std::vector<int64_t> kinds; // what --fit says
};

// Reads the rows of each kind, "64,64,80". Returns false after printing what is wrong.
static bool parse_fit(calibrate_args * args) {
    const char * at = args->fit.c_str();
    for (char * end = nullptr; ; at = end + 1) {
        const long long n = strtoll(at, &end, 10);
        if (end == at || (*end != ',' && *end != '\0') || n < 1 || n > INT32_MAX) {
            fprintf(stderr, "error: --fit must be numbers of rows, from 1 on, with commas\n");
            return false;
        }
        args->kinds.push_back(n);
        if (*end == '\0') {
            return true;
        }
    }
}

// Returns false after printing what is wrong.
static bool parse_args(int argc, char ** argv, calibrate_args * args) {
    const flash_head_flag flags[] = {
        { "--model",         &args->model,         nullptr,            0, 0                           },
        { "--tensor",        &args->tensor,        nullptr,            0, 0                           },
        { "--assignments",   &args->assignments,   nullptr,            0, 0                           },
        { "--centroid-type", &args->centroid_type, nullptr,            0, 0                           },
        { "--codes",         &args->codes,         nullptr,            0, 0                           },
        { "--hidden",        &args->hidden,        nullptr,            0, 0                           },
        { "--fit",           &args->fit,           nullptr,            0, 0                           },
        { "--records",       &args->records,       nullptr,            0, 0                           },
        { "--clusters",      nullptr,              &args->clusters,    1, INT32_MAX                   },
        { "--coarse-bits",   nullptr,              &args->coarse_bits, 8, FLASH_HEAD_COARSE_MAX_BITS  },
        { "--fine-bytes",    nullptr,              &args->fine_bytes,  0, FLASH_HEAD_FINE_MAX_BYTES   },
        { "--near",          nullptr,              &args->near,        1, INT32_MAX                   },
        { "--probes",        nullptr,              &args->probes,      1, INT32_MAX                   },
        { "--directions",    nullptr,              &args->directions,  1, FLASH_HEAD_MAX_DIRECTIONS   },
        { "--threads",       nullptr,              &args->threads,     0, 4096                        },
    };
    if (!flash_head_parse_flags(argc, argv, flags, sizeof(flags)/sizeof(flags[0]))) {
        return false;
    }
    if (args->model.empty() || args->tensor.empty() || args->assignments.empty() || args->centroid_type.empty()
            || args->codes.empty() || args->clusters == 0 || args->coarse_bits == 0 || args->fine_bytes < 0
            || args->near == 0 || args->probes == 0 || args->directions == 0) {
        fprintf(stderr, "error: all of calibrate's flags but --threads, --hidden, --fit and --records are needed\n");
        return false;
    }
    if (args->hidden.empty() != args->fit.empty() || args->hidden.empty() != args->records.empty()) {
        fprintf(stderr, "error: --hidden, --fit and --records go together\n");
        return false;
    }
    if (args->coarse_bits % 8 != 0 || args->fine_bytes % FLASH_HEAD_FINE_LINE != 0) {
        fprintf(stderr, "error: --coarse-bits must be a multiple of 8, --fine-bytes of %d\n", FLASH_HEAD_FINE_LINE);
        return false;
    }
    return args->fit.empty() || parse_fit(args);
}

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

static void print_start(const flash_head_tensor_info & info, int64_t n_hidden, int n_threads) {
    json_object line;
    flash_head_tool_add_tensor(&line, info);
    line.add("hidden",  n_hidden);
    line.add("threads", (int64_t) n_threads);
    json_print(line);
}

static void print_done(const fhc_directions & directions, double seconds) {
    json_object line;
    line.add("event",   "done");
    line.add("kept",    directions.kept);
    line.add("rounds",  (int64_t) directions.rounds);
    line.add("seconds", seconds);
    json_print(line);
}

// The number of directions, then the bits of all numbers of the codes.
static std::vector<uint32_t> words_of(const fhc_calibration & found) {
    const fhc_directions & directions = found.directions;
    std::vector<uint32_t> words = { (uint32_t) directions.variances.size() };
    for (const std::vector<float> * values : { &directions.rows, &directions.activations, &directions.variances,
            &found.weights }) {
        for (float value : *values) {
            uint32_t word;
            memcpy(&word, &value, sizeof(word));
            words.push_back(word);
        }
    }
    return words;
}

// Checks what needs nothing but the sizes of the files. Returns false and sets error.
static bool check_sizes(const calibrate_args & args, const flash_head_tensor_info & info, enum ggml_type centroid_type,
        int64_t n_hidden, std::string * error) {
    if (centroid_type == GGML_TYPE_COUNT || info.n_cols % ggml_blck_size(centroid_type) != 0) {
        *error = "centroids of " + std::to_string(info.n_cols) + " columns cannot have type " + args.centroid_type;
        return false;
    }
    const int64_t n_fit = std::accumulate(args.kinds.begin(), args.kinds.end(), (int64_t) 0);
    if (n_fit > n_hidden) {
        *error = args.hidden + " has " + std::to_string(n_hidden) + " rows, " + std::to_string(n_fit)
                + " shall be fitted to";
        return false;
    }
    if (args.probes > args.clusters || args.near > info.n_rows) {
        *error = "more probes than clusters, or more tokens near than there are";
        return false;
    }
    return true;
}

static bool calibrate(const calibrate_args & args, std::string * error) {
    fhc_calibrate_params params;
    params.fit           = args.kinds;
    params.n_directions  = args.directions;
    params.coarse_bits   = (int32_t) args.coarse_bits;
    params.fine_bytes    = (int32_t) args.fine_bytes;
    params.n_near        = (int32_t) args.near;
    params.n_probe       = (int32_t) args.probes;
    params.centroid_type = flash_head_centroid_type(args.centroid_type.c_str());

    reporter report;
    params.progress = [&](const char * stage, double fraction) { report(stage, fraction); };

    fhc_weight            weight;
    fhc_matrix            hidden;
    std::vector<uint32_t> cluster, sizes;
    int64_t               n_hidden  = 0;
    const int             n_threads = args.threads > 0 ? (int) args.threads : flash_head_processors();
    if (!flash_head_tensor_find(args.model.c_str(), args.tensor.c_str(), &weight.info, error)
            || (!args.hidden.empty() && !flash_head_tool_count_rows(args.hidden, weight.info.n_cols, &n_hidden, error))
            || !check_sizes(args, weight.info, params.centroid_type, n_hidden, error)
            || !flash_head_tool_read_assignments(args.assignments, weight.info.n_rows, args.clusters, &cluster, &sizes,
            error)) {
        return false;
    }
    print_start(weight.info, n_hidden, n_threads);

    std::unique_ptr<flash_head_pool, decltype(&flash_head_pool_free)> pool(flash_head_pool_new(n_threads),
            flash_head_pool_free);
    fhc_matrix_init(&hidden, n_hidden, weight.info.n_cols);
    fhc_calibration result;
    if ((n_hidden > 0 && !flash_head_tool_read_floats(args.hidden, n_hidden, hidden.n_cols, hidden.row(0),
            hidden.n_stride, error))
            || !fhc_weight_read(&weight, pool.get(), error)
            || !fhc_calibrate(weight, cluster, args.clusters, hidden, params, pool.get(), &result, error)
            || !flash_head_tool_write(args.codes, words_of(result), error)
            || (!args.records.empty() && !flash_head_tool_write(args.records, result.records, error))) {
        return false;
    }
    print_done(result.directions, report.clock.seconds());
    return true;
}

int flash_head_tool_calibrate(int argc, char ** argv) {
    calibrate_args args;
    if (!parse_args(argc, argv, &args)) {
        return 2;
    }
    // ggml's own words would come between the lines of the protocol
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr);

    std::string error;
    if (!calibrate(args, &error)) {
        fprintf(stderr, "error: %s\n", error.c_str());
        return 1;
    }
    return 0;
}
