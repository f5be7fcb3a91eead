#pragma once

#include "ggml.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

// A flag of a command: a text, or an integer from min to max.
struct flash_head_flag {
    const char  * name;
    std::string * text   = nullptr; // null for a number
    int64_t     * number = nullptr; // null for a text
    int64_t       min    = 0;
    int64_t       max    = 0;

    flash_head_flag(const char * name, std::string * text) : name(name), text(text) {}
    flash_head_flag(const char * name, int64_t * number, int64_t min, int64_t max)
        : name(name), number(number), min(min), max(max) {}
};

// Wrong use of a program.
struct flash_head_usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Reads `--name value` pairs. Throws flash_head_usage_error.
void flash_head_parse_flags(int argc, char ** argv, const std::vector<flash_head_flag> & flags);

// The type of that name, GGML_TYPE_COUNT if there is none.
enum ggml_type flash_head_type_named(const std::string & name);
