#pragma once

// Runs the CUDA kernels on a CPU, for tests where there is no GPU: the stand-in headers in include/ make them C++,
// lanes.h their threads. Work memory is filled with NaN and followed by a guard; what is written beyond them ends the
// program.

#include "../lanes/lanes.h"

// Which thread goes on where several can; of all launches from now on.
void standin_set_order(lanes_order order);
