#pragma once

#include "bench-head.h"

#include <string>

// Times the op against the dense product on a device of ggml of this name, e.g. CUDA0, and prints it. Each run is of a
// graph with as many heads as it takes that nothing of one is in a cache when its turn comes again; so a backend that
// captures graphs does so, too. Throws std::runtime_error if there is no such device, or if it does not take the op.
void bench_device(const std::string & name, bench_shape shape, int64_t n_probe, int64_t n_rows, int64_t n_rounds);

double bench_median(std::vector<double> v);
