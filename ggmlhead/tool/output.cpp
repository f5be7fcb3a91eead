#include "output.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

static char temporary[4096];    // of the write in progress, for the signal handler

static void on_signal(int number) {
    remove(temporary);
    signal(number, SIG_DFL);
    raise(number);
}

bool flash_head_tool_write(const std::string & path, const std::vector<uint32_t> & values, std::string * error) {
    const int length = snprintf(temporary, sizeof(temporary), "%s.part", path.c_str());
    if (length < 0 || (size_t) length >= sizeof(temporary)) {
        *error = "the name of the output file is too long";
        return false;
    }
    std::vector<uint8_t> bytes(values.size()*4);
    for (size_t i = 0; i < values.size(); i++) {
        for (int k = 0; k < 4; k++) {
            bytes[4*i + k] = (uint8_t) (values[i] >> 8*k);
        }
    }
    signal(SIGINT,  on_signal);
    signal(SIGTERM, on_signal);

    FILE * file = fopen(temporary, "wb");
    bool ok = file != nullptr;
    int  why = errno;
    if (ok) {
        ok  = fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
        why = errno;
        if (fclose(file) != 0 && ok) {
            ok  = false;
            why = errno;
        }
    }
    if (ok) {
        std::error_code code;    // replaces an existing file on every platform
        std::filesystem::rename(temporary, path, code);
        ok  = !code;
        why = code.value();
    }
    if (!ok) {
        if (file) {
            remove(temporary);
        }
        *error = "cannot write " + path + ": " + strerror(why);
    }
    signal(SIGINT,  SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    return ok;
}
