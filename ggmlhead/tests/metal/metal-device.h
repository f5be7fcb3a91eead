#pragma once

// Settings and counters of the device, for tests.

#include "lanes.h"

struct metal_settings {
    lanes_order order       = LANES_FORWARD;
    int         max_threads = 1024; // of a threadgroup
    int         n_launches  = 0;    // so far
};
extern metal_settings metal_device_settings;
