// bench-flash-head: times a head, dense and with FlashHead, stage by stage.

#include "bench-device.h"
#include "bench-head.h"
#include "bench-machine.h"
#include "flash-head-codes.h"
#include "flash-head-processors.h"

#include "../tool/flags.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

static const char * USAGE =
    "usage: bench-flash-head [options]\n"
    "times the FLASH_HEAD operation and the dense product of the same weight in turn, both from cold caches\n"
    "  --rows V --columns D   shape of the weight (default 262144 x 640)\n"
    "  --type TYPE            ggml type of the weight (default q8_0)\n"
    "  --centroids TYPE       of the centroids (default q4_0)\n"
    "  --cluster-size M       tokens per cluster (default 16)\n"
    "  --coarse BITS          of the coarse code, a multiple of 8 up to 256 (default 0: no codes)\n"
    "  --fine BYTES           of the fine code, a multiple of 32 (default 128)\n"
    "  --near N               tokens whose fine code is read (default V/8)\n"
    "  --probes P             clusters scored exactly (default K/16)\n"
    "  --tolerance NATS       reads and scores more where estimates would cost more (default 0: never)\n"
    "  --error NATS2          expected square of a coarse estimate's error; a fine one's is a quarter (default 1)\n"
    "  --batch N              rows of activations (default 1)\n"
    "  --threads T            threads (default: one, then one per processor)\n"
    "  --reorder 0|1          with a copy of the weight in cluster order (default 1)\n"
    "  --rounds N             runs of each product (default 21)\n"
    "  --device NAME          ggml device, e.g. CUDA0; times whole graphs (default: the CPU, stage by stage)\n"
    "\n"
    "example: bench-flash-head --rows 128256 --columns 2048 --type q6_K --probes 256 --threads 2\n";

double bench_median(std::vector<double> v) {
    std::nth_element(v.begin(), v.begin() + v.size()/2, v.end());
    return v[v.size()/2];
}

// A number from 0 to 1000, or -1 if text is none.
static float nats_of(const std::string & text) {
    char * end = nullptr;
    const float value = strtof(text.c_str(), &end);
    return end != text.c_str() && *end == '\0' && value >= 0.0f && value <= 1000.0f ? value : -1.0f;
}

static std::string codes_of(const bench_shape & shape) {
    return shape.coarse_bits == 0 ? "" : ", codes of " + std::to_string(shape.coarse_bits) + " bits and "
            + std::to_string(shape.fine_bytes) + " bytes, " + std::to_string(shape.n_near) + " near"
            + (shape.tolerance > 0.0f ? " at least" : "");
}

static void run(const bench_shape & shape, int64_t n_probe, int64_t n_rows, int n_threads, int64_t n_rounds) {
    static const char * const names[FLASH_HEAD_N_STAGES] =
            { "centroids", "estimates", "selection", "background", "rows", "waiting" };

    const double bandwidth = bench_bandwidth(n_threads);

    bench_backend host(n_threads);
    bench_head    head(shape, n_rows, host.backend);
    bench_flusher flusher;
    if (n_probe == 0) {
        n_probe = std::max<int64_t>(1, head.n_cluster/16);
    }

    head.run_dense(host.backend);
    head.run_op(host.backend, (int32_t) n_probe);
    head.totals.n_near   = 0;
    head.totals.n_scored = 0;
    std::vector<double> dense, op, ratio;
    std::vector<double> stages[FLASH_HEAD_N_STAGES];
    for (int64_t i = 0; i < n_rounds; i++) {
        flusher.flush();
        dense.push_back(head.run_dense(host.backend));
        flusher.flush();
        int64_t before[FLASH_HEAD_N_STAGES];
        std::copy(head.totals.ns, head.totals.ns + FLASH_HEAD_N_STAGES, before);
        op.push_back(head.run_op(host.backend, (int32_t) n_probe));
        ratio.push_back(dense.back()/op.back());
        for (int s = 0; s < FLASH_HEAD_N_STAGES; s++) {
            stages[s].push_back((head.totals.ns[s] - before[s])/1e3/n_threads);
        }
    }
    const double n_near   = (double) head.totals.n_near/(double) (n_rounds*n_rows);
    const double n_scored = (double) head.totals.n_scored/(double) (n_rounds*n_rows);
    const double op_bytes = head.op_bytes(n_near, n_scored), reach = op_bytes/bench_median(op);
    printf("threads %d, memory %.1f GB/s; %lld x %lld %s, %lld clusters%s, P %lld, %lld row%s\n", n_threads,
            bandwidth/1e9,
            (long long) shape.n_vocab, (long long) shape.n_embd, ggml_type_name(shape.type), (long long) head.n_cluster,
            codes_of(shape).c_str(), (long long) n_probe, (long long) n_rows, n_rows == 1 ? "" : "s");
    printf("  dense      %8.1f us   %5.1f GB/s, %3.0f %% of the memory's\n", bench_median(dense)*1e6,
            head.dense_bytes()/bench_median(dense)/1e9,
            100*head.dense_bytes()/bench_median(dense)/bandwidth);
    printf("  FlashHead  %8.1f us   %5.1f GB/s, %3.0f %%%s\n", bench_median(op)*1e6, reach/1e9, 100*reach/bandwidth,
            n_rows > 1 ? ", counted for one row" : "");
    printf("  ratio      %8.2f x    (%.2f to %.2f)\n", bench_median(ratio),
            *std::min_element(ratio.begin(), ratio.end()), *std::max_element(ratio.begin(), ratio.end()));
    if (shape.coarse_bits > 0) {
        printf("  %.1f fine codes of a row read,", n_near);
    }
    printf("  %.1f tokens of a row scored, %.1f %% of the head's bytes; us a thread:", n_scored,
            100*op_bytes/head.dense_bytes());
    for (int s = 0; s < FLASH_HEAD_N_STAGES; s++) {
        printf("%s %s %.1f", s == 0 ? "" : ",", names[s], bench_median(stages[s]));
    }
    printf("\n");
    fflush(stdout);
}

static void bench(int argc, char ** argv) {
    int64_t n_vocab = 262144, n_embd = 640, cluster_size = 16, coarse = 0, fine = 128, near = 0;
    int64_t n_probe = 0, n_rows = 1, n_threads = 0, reorder = 1, n_rounds = 21;
    std::string type = "q8_0", centroids = "q4_0", device, tolerance = "0", error = "1";
    flash_head_parse_flags(argc - 1, argv + 1, {
        { "--rows", &n_vocab, 32, 1 << 24 },
        { "--columns", &n_embd, 32, 1 << 20 },
        { "--type", &type },
        { "--centroids", &centroids },
        { "--cluster-size", &cluster_size, 1, 1 << 20 },
        { "--coarse", &coarse, 0, FLASH_HEAD_COARSE_MAX_BITS },
        { "--fine", &fine, 0, FLASH_HEAD_FINE_MAX_BYTES },
        { "--near", &near, 1, 1 << 24 },
        { "--probes", &n_probe, 1, 1 << 24 },
        { "--tolerance", &tolerance },
        { "--error", &error },
        { "--batch", &n_rows, 1, 1024 },
        { "--threads", &n_threads, 1, 1024 },
        { "--reorder", &reorder, 0, 1 },
        { "--rounds", &n_rounds, 1, 100000 },
        { "--device", &device },
    });
    const bench_shape shape = { n_embd, n_vocab, cluster_size, flash_head_type_named(type),
            flash_head_type_named(centroids), (int32_t) coarse, (int32_t) (coarse > 0 ? fine : 0),
            near > 0 ? near : (n_vocab + 7)/8, nats_of(tolerance), nats_of(error), reorder == 1 && coarse == 0, true };
    const char * problem =
        shape.type == GGML_TYPE_COUNT
                || shape.centroid_type == GGML_TYPE_COUNT ? "unknown type; try q8_0, q6_K or bf16" :
        n_embd % ggml_blck_size(shape.type) || n_embd % ggml_blck_size(shape.centroid_type) ?
                "--columns must be a multiple of the block size of both types" :
        coarse % 8 || fine % FLASH_HEAD_FINE_LINE ? "--coarse must be a multiple of 8, --fine of 32" :
        !(shape.tolerance >= 0.0f && shape.error >= 0.0f) ? "--tolerance and --error must be numbers from 0 to 1000" :
        near > n_vocab ? "--near is greater than the number of rows" :
        (n_vocab + cluster_size - 1)/cluster_size < 2 ? "there must be rows for at least two clusters" :
        n_probe > (n_vocab + cluster_size - 1)/cluster_size ?
                "--probes is greater than the number of clusters" : nullptr;
    if (problem) {
        throw flash_head_usage_error(problem);
    }
    ggml_backend_load_all();
    if (!device.empty()) {
        bench_device(device, shape, n_probe, n_rows, n_rounds);
        return;
    }
    if (n_threads > 0) {
        run(shape, n_probe, n_rows, (int) n_threads, n_rounds);
        return;
    }
    run(shape, n_probe, n_rows, 1, n_rounds);
    const int all = flash_head_processors();
    if (all > 1) {
        run(shape, n_probe, n_rows, all, n_rounds);
    }
}

int main(int argc, char ** argv) {
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(USAGE, stdout);
        return 0;
    }
    try {
        bench(argc, argv);
        return 0;
    } catch (const flash_head_usage_error & e) {
        fprintf(stderr, "error: %s\n", e.what());
        return 2;
    } catch (const std::exception & e) {
        fprintf(stderr, "error: %s\n", e.what());
        return 1;
    }
}
