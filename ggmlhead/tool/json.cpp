#include "json.h"

#include <cmath>
#include <cstdio>
#include <cstring>

// Length of the UTF-8 character at s, 0 if there is none.
static int utf8_length(const unsigned char * s) {
    const int n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0
            && s[0] < 0xf5 ? 4 : 0;
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

static std::string quoted(const char * value) {
    std::string out = "\"";
    for (const unsigned char * s = (const unsigned char *) value; *s; ) {
        const int n = utf8_length(s);
        if (n == 0) {
            out += "\\ufffd";
            s++;
        } else if (*s == '"' || *s == '\\') {
            out += '\\';
            out += (char) *s++;
        } else if (*s < 0x20) {
            char buf[8];
            snprintf(buf, sizeof(buf), "\\u%04x", *s++);
            out += buf;
        } else {
            out.append((const char *) s, n);
            s += n;
        }
    }
    return out + "\"";
}

void json_object::add_raw(const char * key, const std::string & json) {
    if (text.size() > 1) {
        text += ",";
    }
    text += quoted(key) + ":" + json;
}

void json_object::add(const char * key, const char * value) {
    add_raw(key, quoted(value));
}

void json_object::add(const char * key, int64_t value) {
    add_raw(key, std::to_string(value));
}

void json_object::add(const char * key, double value) {
    char buf[32];
    snprintf(buf, sizeof(buf), "%.6g", value);
    add_raw(key, std::isfinite(value) ? buf : "null");
}

void json_object::add(const char * key, bool value) {
    add_raw(key, value ? "true" : "false");
}

void json_print(const json_object & object) {
    fputs((object.end() + "\n").c_str(), stdout);
    fflush(stdout);
}
