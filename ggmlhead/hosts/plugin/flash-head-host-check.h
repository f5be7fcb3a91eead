#pragma once

// Cheap checks that this runtime's ggml has the layout that the plug-in was compiled for. The interface's version does
// not tell.

#include "flash-head-host.h"

#include <string>

// What differs in the runtime of host, or "". host's CPU backend and functions are set. Checks the numbers of types and
// ops, tensors, buffers, devices and backends that the runtime makes, and results of its CPU library. Temporarily
// allocates a small buffer and a CPU backend.
std::string flash_head_host_difference(const flash_head_host & host);
