#pragma once

// The same random numbers on every machine: splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
// 2014).

#include <cstdint>

struct random_numbers {
    uint64_t state;

    uint64_t next() {
        uint64_t z = (state += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30))*0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27))*0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    // about normal: a sum of uniform numbers
    float normal() {
        float sum = 0.0f;
        for (int i = 0; i < 6; i++) {
            sum += (float) (next() >> 40)/(1 << 24) - 0.5f;
        }
        return sum*1.41f;
    }
};
