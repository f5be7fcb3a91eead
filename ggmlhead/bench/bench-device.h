#pragma once

#include "bench-head.h"

#include <string>

// Times the op against the dense product on the ggml device `name`, e.g. CUDA0, and prints the result. A graph has so
// many heads that none is still in a cache when it is read again, and is computed often, so that backends capture it.
// Throws std::runtime_error if there is no such device, or if it does not support the op.
void bench_device(const std::string & name, bench_shape shape, int64_t n_probe, int64_t n_rows, int64_t n_rounds);

double bench_median(std::vector<double> v);
