#include "commands.h"

#include "flags.h"
#include "flash-head-cluster.h"
#include "flash-head-processors.h"
#include "json.h"
#include "matmul.h"
#include "output.h"
#include "progress.h"

#include <cstdio>
#include <memory>

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

// Returns false after printing an error.
static bool parse_args(int argc, char ** argv, cluster_args * args) {
    const flash_head_flag flags[] = {
        { "--model",        &args->model,  nullptr,             0, 0          },
        { "--tensor",       &args->tensor, nullptr,             0, 0          },
        { "--out",          &args->out,    nullptr,             0, 0          },
        { "--cluster-size", nullptr,       &args->cluster_size, 1, INT32_MAX  },
        { "--iterations",   nullptr,       &args->iterations,   1, 10000      },
        { "--seed",         nullptr,       &args->seed,         0, UINT32_MAX },
        { "--threads",      nullptr,       &args->threads,      0, 4096       },
        { "--candidates",   nullptr,       &args->candidates,   0, INT32_MAX  },
    };
    if (!flash_head_parse_flags(argc, argv, flags, sizeof(flags)/sizeof(flags[0]))) {
        return false;
    }
    if (args->model.empty() || args->tensor.empty() || args->out.empty()) {
        fprintf(stderr, "error: --model, --tensor and --out are needed\n");
        return false;
    }
    return true;
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

int flash_head_tool_cluster(int argc, char ** argv) {
    cluster_args args;
    if (!parse_args(argc, argv, &args)) {
        return 2;
    }
    // ggml's log would mix with the protocol
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr);

    const int n_threads = args.threads > 0 ? (int) args.threads : flash_head_processors();
    reporter  report;

    std::string     error;
    flash_head_tensor_info info;
    bool ok = flash_head_tensor_find(args.model.c_str(), args.tensor.c_str(), &info, &error);
    if (ok) {
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

        std::unique_ptr<flash_head_pool, decltype(&flash_head_pool_free)> pool(flash_head_pool_new(n_threads),
                flash_head_pool_free);
        flash_head_pool_set_tick(pool.get(), [&](double part) {
            reading.fraction = read_share*part;
            report(reading);
        });
        flash_head_unit_rows   rows;
        flash_head_cluster_result result;
        ok = flash_head_tensor_read(&info, flash_head_matmul_best_type(), pool.get(), &rows, &error);
        flash_head_pool_set_tick(pool.get(), nullptr);
        ok = ok && flash_head_cluster_rows(&rows, &params, pool.get(), &result, &error);
        ok = ok && flash_head_tool_write(args.out, result.cluster, &error);
        if (ok) {
            print_done(result, report.clock.seconds());
        }
    }
    if (!ok) {
        fprintf(stderr, "error: %s\n", error.c_str());
        return 1;
    }
    return 0;
}
