#pragma once

// Random damage to files, for tests of readers. The same seed gives the same damage on every machine.

#include "../core/flash-head-random.h"

#include <algorithm>
#include <stdint.h>
#include <string.h>
#include <string>

struct mutations {
    uint64_t state;

    explicit mutations(uint64_t seed) : state(seed) {}

    uint64_t next() { return flash_head_random(&state); }

    // 0 .. n - 1
    size_t below(size_t n) { return (size_t) (next() % n); }

    // a number that is a likely edge case of sizes, counts and types
    uint64_t odd_number() {
        const uint64_t numbers[] = {
            0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 64, 255, 256, 65535, 65536,
            0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
            INT64_MAX, (uint64_t) INT64_MAX + 1, UINT64_MAX, UINT64_MAX/2 + 9, UINT64_MAX/4, UINT64_MAX/8 + 1,
            UINT64_MAX - 7, UINT64_MAX - 31,
            0x7fc00000, 0x7f800000, 0xff800000, // NaN and infinities
        };
        return numbers[below(sizeof(numbers)/sizeof(numbers[0]))];
    }

    // overwrites up to 8 bytes at a position, within the file
    static void put(std::string & bytes, size_t at, uint64_t value, size_t size) {
        if (at < bytes.size()) {
            memcpy(&bytes[at], &value, std::min(size, bytes.size() - at));
        }
    }

    // One mutation of bytes, which must not be empty.
    void once(std::string & bytes) {
        const size_t at = below(bytes.size());
        const size_t n  = std::min<size_t>(1 + below(64), bytes.size() - at);
        switch (below(8)) {
            case 0: bytes[at] ^= (char) (1 << below(8));                                break;
            case 1: bytes[at] = (char) next();                                          break;
            case 2: put(bytes, at, odd_number(), 4);                                    break;
            case 3: put(bytes, at, odd_number(), 8);                                    break;
            case 4: bytes.erase(at, n);                                                 break;
            case 5: bytes.insert(at, std::string(bytes, below(bytes.size()), n));       break;
            case 6: bytes.replace(at, n, std::string(bytes, below(bytes.size()), n));   break;
            case 7: if (below(4) == 0) { bytes.resize(1 + at); }                        break;
        }
    }

    // One to four mutations.
    std::string damaged(std::string bytes) {
        for (size_t n = 1 + below(4); n > 0 && !bytes.empty(); n--) {
            once(bytes);
        }
        return bytes;
    }
};
