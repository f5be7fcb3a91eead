#pragma once

// The kernels of flash_head.metal as functions of this process, by name.

#include <stdint.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

// The buffers of a launch, by index.
typedef std::vector<void *> metal_bindings;

struct metal_kernel {
    std::function<void(const metal_bindings &)> run; // in one thread of the grid
    size_t n_buffers; // that it takes
    bool   shared;    // whether it takes threadgroup memory
};

const std::map<std::string, metal_kernel> & metal_kernels();

// The function constants of the pipeline that runs, by index.
extern const std::map<int, int> * metal_constants;

// The kernels' Gumbel variate of 52 random bits.
float metal_gumbel_of(uint64_t n);
