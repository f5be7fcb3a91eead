#pragma once

// The runtime that loaded the plug-in, with the CPU backend variant that it chose for this processor.

#include "ggml-backend.h"
#include "ggml-cpu.h"

#include <string>

struct flash_head_host {
    ggml_backend_dev_t cpu = nullptr;

    // from the library of the CPU backend
    decltype(ggml_get_type_traits_cpu) * get_type_traits = nullptr;
    decltype(ggml_graph_plan)          * graph_plan      = nullptr;
    decltype(ggml_graph_compute)       * graph_compute   = nullptr;

    std::string problem; // why the plug-in cannot work in this runtime; empty if it can
};

// Examines the runtime at the first call, which must come after it has loaded its CPU backend; thread-safe.
const flash_head_host & flash_head_host_get();

// From now on, records the threads that the host hands to its CPU backend. Changes that backend's function table in
// memory, so call it only when a weight is taken. The host must have no problem.
void flash_head_host_watch_threads();

// The thread pool that the host gave its CPU backend for the graph that this thread computes; nullptr if the host has
// none, so that ggml starts threads for each graph, or if flash_head_host_watch_threads was not called.
ggml_threadpool_t flash_head_host_threads();

// Whether the runtime has FlashHead of its own, compiled in.
bool flash_head_host_is_patched();
