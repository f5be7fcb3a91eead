#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

// A flag of a command: a text, or an integer from min to max.
struct flash_head_flag {
    const char  * name;
    std::string * text;      // null for a number
    int64_t     * number;    // null for a text
    int64_t       min;
    int64_t       max;
};

// Reads `--name value` pairs. Returns false after printing what is wrong.
bool flash_head_parse_flags(int argc, char ** argv, const flash_head_flag * flags, size_t n_flags);
