#include "checkpoint.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

// A file is the magic number, key, sizes and contents in the machine's own order of bytes, which the magic number tells, and
// a digest of all that.
static const uint64_t FHC_CHECKPOINT_MAGIC = 0x3130747063686c66ull; // "flhcpt01"

uint64_t fhc_digest(uint64_t digest, const void * data, size_t n) {
    uint64_t h = (digest ^ n)*0xff51afd7ed558ccdull;
    for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
        uint64_t x = 0;
        memcpy(&x, (const uint8_t *) data + i, n - i < sizeof(x) ? n - i : sizeof(x));
        h = (h ^ x)*0xff51afd7ed558ccdull;
        h ^= h >> 32;
    }
    return h;
}

std::string fhc_checkpoint_path(const std::string & folder, uint64_t key) {
    char name[64];
    snprintf(name, sizeof(name), "clustering-%016llx", (unsigned long long) key);
    return (std::filesystem::path(folder) / name).string();
}

template <typename T> static void put(std::string * out, const T & value) {
    out->append((const char *) &value, sizeof(value));
}

template <typename T> static void put_all(std::string * out, const std::vector<T> & values) {
    put(out, (uint64_t) values.size());
    out->append((const char *) values.data(), values.size()*sizeof(T));
}

bool fhc_checkpoint_write(const std::string & path, uint64_t key, const fhc_checkpoint & c, std::string * error) {
    std::string bytes;
    put(&bytes, FHC_CHECKPOINT_MAGIC);
    put(&bytes, key);
    put(&bytes, c.iteration);
    put(&bytes, c.n_groups);
    put(&bytes, c.random);
    put_all(&bytes, c.cluster);
    put_all(&bytes, c.objectives);
    put_all(&bytes, c.centers);
    put(&bytes, fhc_digest(0, bytes.data(), bytes.size()));

    std::error_code code;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), code);
    const std::string part = path + ".part";
    errno = 0;
    std::ofstream file(part, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), (std::streamsize) bytes.size());
    file.close();
    if (file.fail()) {
        *error = std::string("cannot write ") + part + ": " + strerror(errno);
        std::filesystem::remove(part, code);
        return false;
    }
    std::filesystem::rename(part, path, code);
    if (code) {
        *error = "cannot write " + path + ": " + code.message();
        std::filesystem::remove(part, code);
        return false;
    }
    return true;
}

struct fhc_bytes {
    const std::string & bytes;
    size_t              at;

    template <typename T> bool get(T * value) {
        if (bytes.size() - at < sizeof(T)) {
            return false;
        }
        memcpy(value, bytes.data() + at, sizeof(T));
        at += sizeof(T);
        return true;
    }

    template <typename T> bool get_all(std::vector<T> * values) {
        uint64_t n = 0;
        if (!get(&n) || n > (bytes.size() - at)/sizeof(T)) {
            return false;
        }
        values->resize(n);
        memcpy(values->data(), bytes.data() + at, n*sizeof(T));
        at += n*sizeof(T);
        return true;
    }
};

bool fhc_checkpoint_read(const std::string & path, uint64_t key, fhc_checkpoint * c) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file || file.tellg() < (std::streamoff) sizeof(uint64_t)) {
        return false;
    }
    std::string bytes((size_t) file.tellg(), '\0');
    if (!file.seekg(0) || !file.read(&bytes[0], (std::streamsize) bytes.size())) {
        return false;
    }
    uint64_t digest = 0;
    memcpy(&digest, bytes.data() + bytes.size() - sizeof(digest), sizeof(digest));
    bytes.resize(bytes.size() - sizeof(digest));

    uint64_t  magic = 0, of = 0;
    fhc_bytes in = { bytes, 0 };
    return digest == fhc_digest(0, bytes.data(), bytes.size())
        && in.get(&magic) && magic == FHC_CHECKPOINT_MAGIC && in.get(&of) && of == key
        && in.get(&c->iteration) && in.get(&c->n_groups) && in.get(&c->random)
        && in.get_all(&c->cluster) && in.get_all(&c->objectives) && in.get_all(&c->centers) && in.at == bytes.size();
}
