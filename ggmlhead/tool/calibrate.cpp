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
#include <cstdlib>
#include <cstring>
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

static calibrate_args parse_args(int argc, char ** argv) {
    calibrate_args args;
    flash_head_parse_flags(argc, argv, {
        { "--model", &args.model },
        { "--tensor", &args.tensor },
        { "--assignments", &args.assignments },
        { "--centroid-type", &args.centroid_type },
        { "--hidden", &args.hidden },
        { "--fit", &args.fit },
        { "--codes", &args.codes },
        { "--records", &args.records },
        { "--tolerance", &args.tolerance },
        { "--clusters", &args.clusters, 1, INT32_MAX },
        { "--coarse-bits", &args.coarse_bits, 8, FLASH_HEAD_COARSE_MAX_BITS },
        { "--fine-bytes", &args.fine_bytes, 0, FLASH_HEAD_FINE_MAX_BYTES },
        { "--near", &args.near, 1, INT32_MAX },
        { "--directions", &args.directions, 1, FLASH_HEAD_MAX_DIRECTIONS },
        { "--probes", &args.probes, 1, INT32_MAX },
        { "--threads", &args.threads, 0, 4096 },
    });
    const std::string flaw = flaw_of(&args);
    if (!flaw.empty()) {
        throw flash_head_usage_error(flaw);
    }
    return args;
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

// Checks the sizes of the files.
static void check_sizes(const calibrate_args & args, const flash_head_tensor_info & info, enum ggml_type centroid_type,
        int64_t n_hidden) {
    const int64_t n_fitted = std::accumulate(args.kinds.begin(), args.kinds.end(), (int64_t) 0);
    if (centroid_type == GGML_TYPE_COUNT || info.n_cols % ggml_blck_size(centroid_type) != 0) {
        throw std::runtime_error("centroids of " + std::to_string(info.n_cols) + " columns cannot have type "
                + args.centroid_type);
    }
    if (args.near > info.n_rows) {
        throw std::runtime_error("--near is greater than the " + std::to_string(info.n_rows) + " rows of "
                + args.tensor);
    }
    if (n_fitted > n_hidden) {
        throw std::runtime_error(args.hidden + " has " + std::to_string(n_hidden) + " rows, --fit asks for "
                + std::to_string(n_fitted));
    }
}

void flash_head_tool_calibrate(int argc, char ** argv) {
    const calibrate_args args = parse_args(argc, argv);
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

    const bool with_hidden = !args.hidden.empty();
    const int  n_threads   = args.threads > 0 ? (int) args.threads : flash_head_processors();
    flash_head_dense_weight weight;
    weight.info = flash_head_tensor_find(args.model, args.tensor);
    const int64_t n_hidden = with_hidden ? flash_head_tool_count_rows(args.hidden, weight.info.n_cols) : 0;
    check_sizes(args, weight.info, params.centroid_type, n_hidden);
    const std::vector<uint32_t> cluster =
            flash_head_tool_read_assignments(args.assignments, weight.info.n_rows, args.clusters);
    print_start(weight.info, n_hidden, n_threads);

    const flash_head_pool_ptr pool = flash_head_pool_new(n_threads);
    flash_head_matrix hidden;
    flash_head_matrix_init(&hidden, n_hidden, weight.info.n_cols);
    if (with_hidden) {
        flash_head_tool_read_floats(args.hidden, n_hidden, hidden.n_cols, hidden.row(0), hidden.n_stride);
    }
    flash_head_dense_weight_read(&weight, pool.get());
    const flash_head_calibration result =
            flash_head_calibrate({ weight, cluster, args.clusters }, { hidden, args.kinds }, params, pool.get());
    flash_head_tool_write(args.codes, words_of(result));
    if (with_hidden) {
        flash_head_tool_write(args.records, result.records);
    }
    print_done(result, report.clock.seconds());
}
