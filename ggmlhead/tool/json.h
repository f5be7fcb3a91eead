#pragma once

#include <cstdint>
#include <string>

// One JSON object, written key by key in the order of the calls.
struct json_object {
    std::string text = "{";

    void add(const char * key, const char * value);    // escapes; bytes that are not UTF-8 are replaced
    void add(const char * key, int64_t value);
    void add(const char * key, double value);          // null if not finite
    void add(const char * key, bool value);
    void add_raw(const char * key, const std::string & json);

    std::string end() const { return text + "}"; }
};

// Prints it as a line on stdout, at once.
void json_print(const json_object & object);
