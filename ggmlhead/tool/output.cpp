#include "output.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>

static char temporary[4096];    // of the write in progress, for the signal handler

static void on_signal(int number) {
    remove(temporary);
    signal(number, SIG_DFL);
    raise(number);
}

// Writes the values in pieces: centroids may be hundreds of MiB.
static bool write_all(FILE * file, const std::vector<uint32_t> & values) {
    const size_t n_piece = 1 << 14;
    std::vector<uint8_t> bytes;
    for (size_t begin = 0; begin < values.size(); begin += n_piece) {
        const size_t end = std::min(begin + n_piece, values.size());
        bytes.clear();
        for (size_t i = begin; i < end; i++) {
            for (int k = 0; k < 4; k++) {
                bytes.push_back((uint8_t) (values[i] >> 8*k));
            }
        }
        if (fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size()) {
            return false;
        }
    }
    return true;
}

void flash_head_tool_write(const std::string & path, const std::vector<uint32_t> & values) {
    const int length = snprintf(temporary, sizeof(temporary), "%s.part", path.c_str());
    if (length < 0 || (size_t) length >= sizeof(temporary)) {
        throw std::runtime_error("the name of the output file is too long");
    }
    signal(SIGINT,  on_signal);
    signal(SIGTERM, on_signal);

    FILE * file = fopen(temporary, "wb");
    bool ok = file != nullptr;
    int  why = errno;
    if (ok) {
        ok  = write_all(file, values);
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
    if (!ok && file) {
        remove(temporary);
    }
    signal(SIGINT,  SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (!ok) {
        throw std::runtime_error("cannot write " + path + ": " + strerror(why));
    }
}
