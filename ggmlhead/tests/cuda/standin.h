#pragma once

// Runs the CUDA kernels on a CPU, for tests without a GPU. The stand-in headers in include/ make them C++, and lanes.h
// runs their threads. Scratch buffers are filled with NaN and followed by a guard; a write into it ends the program.

#include "../lanes/lanes.h"

// The order of ready threads in all further launches.
void standin_set_order(lanes_order order);
