#pragma once

// Cheap checks that this runtime's ggml is laid out as the plug-in was compiled for, which the version of the interface
// does not say.

#include "flash-head-host.h"

#include <string>

// What differs in the runtime of host, whose CPU backend and functions are found; "" if nothing that these checks see.
// Looks at numbers of types and ops, at the tensors, buffers, devices and backends that the runtime makes, and at what
// its CPU library answers. Allocates a buffer of some bytes and one CPU backend, and frees both.
std::string flash_head_host_difference(const flash_head_host & host);
