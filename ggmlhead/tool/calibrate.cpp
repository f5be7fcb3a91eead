#include "commands.h"

#include "flags.h"
#include "flash-head-calibrate.h"
#include "flash-head-processors.h"
#include "flash-head-settings.h"
#include "flash-head-sketch.h"
#include "input.h"
#include "json.h"
#include "output.h"
#include "progress.h"

#include <cstdio>
#include <cstring>
#include <memory>

struct calibrate_args {
    std::string model;
    std::string tensor;
    std::string assignments;
    std::string hidden;
    std::string centroid_type;
    std::string sketch;
    std::string records;
    int64_t     clusters = 0;
    int64_t     fit      = 0;
    int64_t     rank     = -1;
    int64_t     threads  = 0;
};

// Returns false after printing what is wrong.
static bool parse_args(int argc, char ** argv, calibrate_args * args) {
    const flash_head_flag flags[] = {
        { "--model",         &args->model,         nullptr,         0, 0                          },
        { "--tensor",        &args->tensor,        nullptr,         0, 0                          },
        { "--assignments",   &args->assignments,   nullptr,         0, 0                          },
        { "--hidden",        &args->hidden,        nullptr,         0, 0                          },
        { "--centroid-type", &args->centroid_type, nullptr,         0, 0                          },
        { "--sketch",        &args->sketch,        nullptr,         0, 0                          },
        { "--records",       &args->records,       nullptr,         0, 0                          },
        { "--clusters",      nullptr,              &args->clusters, 1, INT32_MAX                  },
        { "--fit",           nullptr,              &args->fit,      1, INT32_MAX                  },
        { "--rank",          nullptr,              &args->rank,     0, FLASH_HEAD_SKETCH_MAX_RANK },
        { "--threads",       nullptr,              &args->threads,  0, 4096                       },
    };
    if (!flash_head_parse_flags(argc, argv, flags, sizeof(flags)/sizeof(flags[0]))) {
        return false;
    }
    for (const std::string * text : { &args->model, &args->tensor, &args->assignments, &args->hidden, &args->centroid_type, &args->sketch, &args->records }) {
        if (text->empty() || args->clusters == 0 || args->fit == 0 || args->rank < 0) {
            fprintf(stderr, "error: all of calibrate's flags but --threads are needed\n");
            return false;
        }
    }
    if (args->rank % FLASH_HEAD_SKETCH_STEP != 0) {
        fprintf(stderr, "error: --rank must be a multiple of %d\n", FLASH_HEAD_SKETCH_STEP);
        return false;
    }
    return true;
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

// The bits of rows and activations, one after the other.
static std::vector<uint32_t> bits_of(const fhc_directions & directions) {
    std::vector<uint32_t> bits;
    for (const std::vector<float> * values : { &directions.rows, &directions.activations }) {
        for (float value : *values) {
            uint32_t word;
            memcpy(&word, &value, sizeof(word));
            bits.push_back(word);
        }
    }
    return bits;
}

// Checks what needs nothing but the sizes of the files. Returns false and sets error.
static bool check_sizes(const calibrate_args & args, const flash_head_tensor_info & info, enum ggml_type centroid_type, int64_t n_hidden, std::string * error) {
    if (centroid_type == GGML_TYPE_COUNT || info.n_cols % ggml_blck_size(centroid_type) != 0) {
        *error = "centroids of " + std::to_string(info.n_cols) + " columns cannot have type " + args.centroid_type;
        return false;
    }
    if (args.fit > n_hidden) {
        *error = args.hidden + " has " + std::to_string(n_hidden) + " rows, " + std::to_string(args.fit) + " shall be fitted to";
        return false;
    }
    return true;
}

static bool calibrate(const calibrate_args & args, std::string * error) {
    fhc_calibrate_params params;
    params.fit           = args.fit;
    params.rank          = (int32_t) args.rank;
    params.centroid_type = flash_head_centroid_type(args.centroid_type.c_str());

    reporter report;
    params.progress = [&](const char * stage, double fraction) { report(stage, fraction); };

    fhc_weight            weight;
    fhc_matrix            hidden;
    std::vector<uint32_t> cluster, sizes;
    int64_t               n_hidden  = 0;
    const int             n_threads = args.threads > 0 ? (int) args.threads : flash_head_processors();
    if (!flash_head_tensor_find(args.model.c_str(), args.tensor.c_str(), &weight.info, error)
            || !flash_head_tool_count_rows(args.hidden, weight.info.n_cols, &n_hidden, error)
            || !check_sizes(args, weight.info, params.centroid_type, n_hidden, error)
            || !flash_head_tool_read_assignments(args.assignments, weight.info.n_rows, args.clusters, &cluster, &sizes, error)) {
        return false;
    }
    print_start(weight.info, n_hidden, n_threads);

    std::unique_ptr<flash_head_pool, decltype(&flash_head_pool_free)> pool(flash_head_pool_new(n_threads), flash_head_pool_free);
    fhc_matrix_init(&hidden, n_hidden, weight.info.n_cols);
    fhc_calibration result;
    if (!flash_head_tool_read_floats(args.hidden, n_hidden, hidden.n_cols, hidden.row(0), hidden.n_stride, error)
            || !fhc_weight_read(&weight, pool.get(), error)
            || !fhc_calibrate(weight, cluster, args.clusters, hidden, params, pool.get(), &result, error)
            || !flash_head_tool_write(args.sketch, bits_of(result.directions), error)
            || !flash_head_tool_write(args.records, result.records, error)) {
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
