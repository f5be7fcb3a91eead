#include "commands.h"

#include "flags.h"
#include "ggml.h"

#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

static const char * USAGE =
    "usage: llama-flashhead cluster --model FILE --tensor NAME --out FILE [options]\n"
    "           cluster the rows of a matrix in a GGUF file into clusters of equal size; progress as JSON lines\n"
    "         --cluster-size M   rows a cluster (default 16)\n"
    "         --iterations N     iterations of k-means (default 8)\n"
    "         --seed S           of the first centroids (default 0)\n"
    "         --threads T        (default: the processors that it may use)\n"
    "         --candidates N     centroids that each row is compared with, for experiments (default: as many as are\n"
    "                            affordable; the number of clusters: all, which is plain k-means)\n"
    "       llama-flashhead centroids --model FILE --tensor NAME --clusters K --assignments FILE --out FILE\n"
    "           write the mean of each cluster's rows: for each column of the matrix K values, little-endian float32;\n"
    "           assignments is a little-endian uint32 for each row, as cluster writes them\n"
    "       llama-flashhead calibrate --model FILE --tensor NAME --clusters K --assignments FILE --centroid-type TYPE\n"
    "                                 --coarse-bits N --fine-bytes N --near N --directions N --codes FILE [--threads "
    "T]\n"
    "                                 [--hidden FILE --fit N1,N2,... --probes P [--tolerance T] --records FILE]\n"
    "           fit codes to hidden states and record what the runtime would do with them; progress as JSON lines\n"
    "         --coarse-bits N    bits of a token's coarse code: a multiple of 8 up to 256\n"
    "         --fine-bytes N     bytes of a token's fine code: a multiple of 32 up to 2048; 0 for none\n"
    "         --near N           tokens whose fine code is read, at least\n"
    "         --directions N     of the coarse code, at most: up to 256; at least a fifth of its bits, if need be with zeros\n"
    "         --codes FILE       is written, little-endian: uint32 n, the number of directions; float32 rows [n][D],\n"
    "                            activations [n][D], variances [n], weights [D]\n"
    "         --hidden FILE      rows of little-endian float32: hidden states, the head's input, of texts\n"
    "                            (default: none, all directions of hidden states count the same)\n"
    "         --fit N1,N2,...    rows of it for the fit: N1 of one kind of text, then N2 of another, ...\n"
    "         --probes P         score at least P clusters of tokens exactly\n"
    "         --tolerance T      largest expected divergence of estimates, nats (default 0, no limit)\n"
    "         --records FILE     output, little-endian: for each row outside the fit, its divergence from the dense\n"
    "                            head in nats, a float32; then a uint32, 1 if both have the same best token, else 0\n"
    "       llama-flashhead devices [--type TYPE --columns D --rows V --clusters K [options]]\n"
    "           list ggml's devices and the types of weights for which they have the FLASH_HEAD operation, as JSON; "
    "with\n"
    "           --type also whether they have it for a head of that type and these sizes; patched builds only\n"
    "         --centroid-type T  (default q4_0)\n"
    "         --pinned N         tokens that are always scored (default 0)\n"
    "         --coarse-bits N    of codes (default 0, none)\n"
    "           devices of the RPC servers in LLAMA_ARG_RPC are asked too\n"
    "\n"
    "example: llama-flashhead cluster --model model.gguf --tensor output.weight --out clusters.u32\n";

static void run(int argc, char ** argv) {
    static const struct {
        const char * name;
        void (* run)(int argc, char ** argv);
    } commands[] = {
        { "cluster",   flash_head_tool_cluster   },
        { "centroids", flash_head_tool_centroids },
        { "calibrate", flash_head_tool_calibrate },
        { "devices",   flash_head_tool_devices   },
    };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(USAGE, stdout);
            return;
        }
    }
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr); // it would mix with the protocol
    for (const auto & command : commands) {
        if (argc > 1 && strcmp(argv[1], command.name) == 0) {
            return command.run(argc - 2, argv + 2);
        }
    }
    throw flash_head_usage_error(argc > 1 ? std::string("unknown command: ") + argv[1] : "no command; try --help");
}

int flash_head_tool_run(int argc, char ** argv) {
    try {
        run(argc, argv);
        return 0;
    } catch (const std::bad_alloc &) {
        fprintf(stderr, "error: out of memory\n");
    } catch (const flash_head_usage_error & e) {
        fprintf(stderr, "error: %s\n", e.what());
        return 2;
    } catch (const std::exception & e) {
        fprintf(stderr, "error: %s\n", e.what());
    }
    return 1;
}
