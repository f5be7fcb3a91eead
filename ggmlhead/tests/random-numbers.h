#pragma once

// Random numbers that are the same on every machine.

#include "../core/flash-head-random.h"

struct random_numbers {
    uint64_t state;

    uint64_t next() { return flash_head_random(&state); }

    // approximately normal: a sum of uniform numbers
    float normal() {
        float sum = 0.0f;
        for (int i = 0; i < 6; i++) {
            sum += (float) (next() >> 40)/(1 << 24) - 0.5f;
        }
        return sum*1.41f;
    }
};
