#include "commands.h"

#include "flags.h"
#include "flash-head-cluster.h"
#include "flash-head-processors.h"
#include "json.h"
#include "matmul.h"
#include "output.h"
#include "progress.h"

struct cluster_args {
    std::string model;
    std::string tensor;
    std::string out;
    int64_t     cluster_size = 16;
    int64_t     iterations   = 8;
    int64_t     seed         = 0;
    int64_t     threads      = 0;
    int64_t     candidates   = 0;
};

static cluster_args parse_args(int argc, char ** argv) {
    cluster_args args;
    flash_head_parse_flags(argc, argv, {
        { "--model", &args.model },
        { "--tensor", &args.tensor },
        { "--out", &args.out },
        { "--cluster-size", &args.cluster_size, 1, INT32_MAX },
        { "--iterations", &args.iterations, 1, 10000 },
        { "--seed", &args.seed, 0, UINT32_MAX },
        { "--threads", &args.threads, 0, 4096 },
        { "--candidates", &args.candidates, 0, INT32_MAX },
    });
    if (args.model.empty() || args.tensor.empty() || args.out.empty()) {
        throw flash_head_usage_error("--model, --tensor and --out are needed");
    }
    return args;
}

namespace {
struct reporter {
    flash_head_tool_clock clock;

    void operator()(const flash_head_cluster_progress & p) {
        json_object line;
        if (!clock.due(p.stage, p.iteration, &line)) {
            return;
        }
        line.add("iteration",  (int64_t) p.iteration);
        line.add("iterations", (int64_t) p.iterations);
        line.add("fraction",   p.fraction);
        if (p.objective >= 0.0) {
            line.add("objective", p.objective);
            line.add("imbalance", p.imbalance);
        }
        json_print(line);
    }
};
} // namespace

static void print_start(const flash_head_tensor_info & info, int64_t n_clusters, int n_threads) {
    json_object line;
    flash_head_tool_add_tensor(&line, info);
    line.add("clusters", n_clusters);
    line.add("threads",  (int64_t) n_threads);
    json_print(line);
}

static void print_done(const flash_head_cluster_result & result, double seconds) {
    json_object line;
    line.add("event",     "done");
    line.add("clusters",  result.n_clusters);
    line.add("objective", result.objective);
    line.add("imbalance", result.imbalance);
    line.add("seconds",   seconds);
    json_print(line);
}

void flash_head_tool_cluster(int argc, char ** argv) {
    const cluster_args args      = parse_args(argc, argv);
    const int          n_threads = args.threads > 0 ? (int) args.threads : flash_head_processors();
    reporter           report;

    const flash_head_tensor_info info = flash_head_tensor_find(args.model, args.tensor);
    print_start(info, (info.n_rows + args.cluster_size - 1)/args.cluster_size, n_threads);

    const double read_share = 0.08;    // approximate share of the time
    flash_head_cluster_progress reading;
    reading.stage      = "read";
    reading.iterations = (int) args.iterations;

    flash_head_cluster_params params;
    params.cluster_size = (int) args.cluster_size;
    params.iterations   = (int) args.iterations;
    params.seed         = (uint32_t) args.seed;
    params.n_candidates = args.candidates;
    params.progress     = [&](flash_head_cluster_progress p) {
        p.fraction = read_share + (1.0 - read_share)*p.fraction;
        report(p);
    };

    const flash_head_pool_ptr pool = flash_head_pool_new(n_threads);
    flash_head_pool_set_tick(pool.get(), [&](double part) {
        reading.fraction = read_share*part;
        report(reading);
    });
    flash_head_unit_rows rows;
    flash_head_tensor_read(info, flash_head_matmul_best_type(), pool.get(), &rows);
    flash_head_pool_set_tick(pool.get(), nullptr);
    const flash_head_cluster_result result = flash_head_cluster_rows(&rows, &params, pool.get());
    flash_head_tool_write(args.out, result.cluster);
    print_done(result, report.clock.seconds());
}
