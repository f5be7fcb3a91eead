// Tests of map files: where they are looked for, what is read from them, and that a map of another model is refused.

#include "check.h"

#include "flash-head-map-file.h"
#include "flash-head-map-path.h"
#include "flash-head-xxh64.h"
#include "gguf.h"

#include <filesystem>
#include <functional>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <vector>

namespace fs = std::filesystem;

static checker  check;
static fs::path folder; // for all files, with its links resolved

static const std::string DIGEST  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const std::string BLOB    = "sha256-" + DIGEST;
static const std::string BLOB_MAP = BLOB + ".gguf";

// Writes a file with some bytes, and its folder.
static fs::path touch(const fs::path & path) {
    fs::create_directories(path.parent_path());
    FILE * file = fopen(path.c_str(), "wb");
    if (file == nullptr || fputs("some bytes", file) < 0 || fclose(file) != 0) {
        perror(path.c_str());
        exit(1);
    }
    return path;
}

// Vectors of xxHash's own self-test (cli/xsum_sanity_check.c) and of its users.
static void test_xxh64() {
    std::string bytes;
    uint64_t    state = 2654435761U;
    for (int i = 0; i < 222; i++) {
        bytes += (char) (state >> 56);
        state *= 11400714785074694797U;
    }
    const std::pair<std::string, uint64_t> vectors[] = {
        { "",                                            0xEF46DB3751D8E999 },
        { bytes.substr(0, 1),                            0xE934A84ADB052768 },
        { bytes.substr(0, 4),                            0x9136A0DCA57457EE },
        { bytes.substr(0, 14),                           0x8282DCC4994E35C8 },
        { bytes,                                         0xB641AE8CB691C174 },
        { "a",                                           0xD24EC4F1A98C6E5B },
        { "abc",                                         0x44BC2CF5AD770999 },
        { "The quick brown fox jumps over the lazy dog", 0x0B242D361FDA71BC },
    };
    for (const auto & [text, want] : vectors) {
        const uint64_t got = flash_head_xxh64(text.data(), text.size());
        check(got == want, "XXH64 of %zu bytes is %016llx, expected %016llx", text.size(), (unsigned long long) got,
                (unsigned long long) want);
    }
}

// Checks where the map of model is looked for. A path of want that begins with '!' is that of a blob.
static void looks(const char * what, const fs::path & model, const std::string & maps,
        const std::vector<std::string> & want) {
    const std::vector<flash_head_map_path> got = flash_head_map_paths(model.string(), maps);
    check(got.size() == want.size(), "%s: %zu paths, expected %zu", what, got.size(), want.size());
    for (size_t i = 0; i < std::min(got.size(), want.size()); i++) {
        const bool        blob = want[i][0] == '!';
        const std::string path = (folder/want[i].substr(blob)).string();
        check(got[i].path == path && got[i].blob == (blob ? DIGEST : ""), "%s: path %zu is %s '%s', expected %s", what,
                i, got[i].path.c_str(), got[i].blob.c_str(), want[i].c_str());
    }
}

static void test_paths() {
    const fs::path blob  = touch(folder/"models"/"blobs"/BLOB);
    const fs::path plain = touch(folder/"plain.gguf");
    const std::string of_blob = "!models/flashhead/" + BLOB_MAP;
    looks("a blob", blob, "", { of_blob });
    looks("a file", plain, "", { "plain.flashhead.gguf" });
    looks("a missing file", folder/"none.gguf", "", { "none.flashhead.gguf" });
    looks("no extension",  touch(folder/"weights"), "", { "weights.flashhead.gguf" });
    looks("an extension only",  touch(folder/".gguf"), "", { ".gguf.flashhead.gguf" });
    for (const std::string & name : { BLOB + "0", BLOB.substr(0, BLOB.size() - 1), "sha256-" + std::string(64, 'A'),
            "sha512-" + DIGEST, BLOB + ".gguf" }) {
        const std::string base = fs::path(name).extension() == ".gguf" ? fs::path(name).stem().string() : name;
        looks("a name like a blob's", touch(folder/"models"/"blobs"/name), "",
                { "models/blobs/" + base + ".flashhead.gguf" });
    }

    const fs::path before = fs::current_path();
    fs::current_path(folder/"models"/"blobs");
    looks("a relative path", BLOB, "", { of_blob });
    looks("a path with dots", "./../blobs/" + BLOB, "", { of_blob, of_blob });
    fs::current_path(before);

    // links
    fs::create_symlink(blob, folder/"link.gguf");
    looks("a link to a blob", folder/"link.gguf", "", { "link.flashhead.gguf", of_blob });
    fs::create_directories(folder/"disk"/"blobs");
    touch(folder/"disk"/"blobs"/BLOB);
    fs::create_directory(folder/"store");
    fs::create_directory_symlink(folder/"disk"/"blobs", folder/"store"/"blobs");
    looks("blobs on another disk", folder/"store"/"blobs"/BLOB, "",
            { "!store/flashhead/" + BLOB_MAP, "!disk/flashhead/" + BLOB_MAP });

    // a model of several files
    const fs::path split = folder/"models"/"blobs"/".ollama-split-0123456789ab-42"/"model-00001-of-00002.gguf";
    fs::create_directory(split.parent_path());
    fs::create_hard_link(blob, split);
    looks("a model of several files", split, "", { of_blob });
    const fs::path other = touch(split.parent_path()/"model-00002-of-00002.gguf");
    looks("a file that is no blob's link", other, "",
            { "models/blobs/.ollama-split-0123456789ab-42/model-00002-of-00002.flashhead.gguf" });
    fs::create_directories(folder/"elsewhere");
    fs::create_hard_link(blob, folder/"elsewhere"/"model-00001-of-00002.gguf");
    looks("a hard link in another folder", folder/"elsewhere"/"model-00001-of-00002.gguf", "",
            { "elsewhere/model-00001-of-00002.flashhead.gguf" });

    // FLASHHEAD_MAPS
    const std::string maps = (folder/"maps").string();
    looks("FLASHHEAD_MAPS", blob, maps, { "!maps/" + BLOB_MAP, of_blob });
    looks("FLASHHEAD_MAPS and a link", folder/"link.gguf", maps,
            { "maps/link.flashhead.gguf", "!maps/" + BLOB_MAP, "link.flashhead.gguf", of_blob });
    looks("FLASHHEAD_MAPS and several files", split, maps, { "!maps/" + BLOB_MAP, of_blob });
}

static void test_find() {
    const fs::path model = touch(folder/"found"/"blobs"/BLOB), link = folder/"found"/"link.gguf";
    fs::create_symlink(model, link);
    const fs::path maps = folder/"found"/"maps";
    setenv("FLASHHEAD_MAPS", maps.c_str(), 1);
    check(flash_head_map_find(link.string()).path.empty(), "a map is found where there is none");
    // each is better than the one before
    for (const fs::path & path : { folder/"found"/"flashhead"/BLOB_MAP, folder/"found"/"link.flashhead.gguf",
            maps/BLOB_MAP, maps/"link.flashhead.gguf" }) {
        touch(path);
        const flash_head_map_path found = flash_head_map_find(link.string());
        check(found.path == path.string() && found.blob == (path.filename() == BLOB_MAP ? DIGEST : ""),
                "%s is found, expected %s", found.path.c_str(), path.c_str());
    }
    for (const char * none : { "", (const char *) nullptr }) {
        none ? setenv("FLASHHEAD_MAPS", none, 1) : unsetenv("FLASHHEAD_MAPS");
        check(flash_head_map_find(link.string()).path == (folder/"found"/"link.flashhead.gguf").string(),
                "without FLASHHEAD_MAPS the map beside the file is not found");
    }
    check(flash_head_map_find((folder/std::string(250, 'x')).string()).path.empty(),
            "a map with a name that is too long is found");
}

static const flash_head_map_target HEAD = { "output.weight", 1, 12345 };
static const std::string           ROWS = "the bytes of a head";

typedef std::function<void(gguf_context *)> change;

// Writes a map for HEAD with a change, and opens it.
static flash_head_map_file opened(const std::string & blob, const change & damage) {
    const fs::path path = folder/"map.gguf";
    gguf_context_ptr g(gguf_init_empty());
    gguf_set_val_str(g.get(), "general.architecture",      "flashhead");
    gguf_set_val_str(g.get(), "general.type",              "flashhead-map");
    gguf_set_val_str(g.get(), "flashhead.tensor",          HEAD.tensor.c_str());
    gguf_set_val_str(g.get(), "flashhead.source_sha256",   DIGEST.c_str());
    gguf_set_val_u32(g.get(), "flashhead.map.shard",       HEAD.shard);
    gguf_set_val_u64(g.get(), "flashhead.map.file_size",   HEAD.file_size);
    gguf_set_val_u64(g.get(), "flashhead.map.head_xxh64",  flash_head_xxh64(ROWS.data(), ROWS.size()));
    damage(g.get());
    gguf_write_to_file(g.get(), path.c_str(), /*only_meta =*/ true);
    return flash_head_map_file_open({ path.string(), blob });
}

// Checks that a map is refused with an error that contains want, when it is opened or for HEAD. "": it is not refused.
static void refused(const std::string & want, const std::string & blob, const change & damage) {
    const flash_head_map_file map = opened(blob, damage);
    check((map.keys != nullptr) == map.error.empty(), "there are keys and the error '%s', or neither",
            map.error.c_str());
    const std::string got = map.keys ? flash_head_map_file_obstacle(map, HEAD) : map.error;
    check(got.empty() == want.empty() && got.find(want) != std::string::npos, "expected '%s', got '%s'", want.c_str(),
            got.c_str());
}

static void test_fit() {
    const change none = [](gguf_context *) {};
    for (const std::string & blob : { std::string(), DIGEST }) {
        refused("", blob, none);
        for (const char * key : { "general.type", "flashhead.tensor", "flashhead.map.shard",
                "flashhead.map.file_size" }) {
            refused(std::string(key) + " is missing", blob, [&](gguf_context * g) { gguf_remove_key(g, key); });
            refused(std::string(key) + " is not a",   blob, [&](gguf_context * g) { gguf_set_val_f32(g, key, 1.0f); });
        }
        refused("general.type is model??, not flashhead-map", blob, [](gguf_context * g) {
            gguf_set_val_str(g, "general.type", "model\n\x1b");
        });
        refused("flashhead.tensor is token_embd.weight, the head is output.weight", blob, [](gguf_context * g) {
            gguf_set_val_str(g, "flashhead.tensor", "token_embd.weight");
        });
        refused("flashhead.map.shard is 0, the head is in file 1", blob, [](gguf_context * g) {
            gguf_set_val_u32(g, "flashhead.map.shard", 0);
        });
        refused("flashhead.map.file_size is 12346, the model's file has 12345 bytes", blob, [](gguf_context * g) {
            gguf_set_val_u64(g, "flashhead.map.file_size", 12346);
        });
    }
    // a blob's bytes are known by its name, those of other files by the head's digest
    const char * const source = "flashhead.source_sha256", * const bytes = "flashhead.map.head_xxh64";
    for (const std::string & other : { std::string(), std::string(64, '0'), DIGEST + "0", DIGEST.substr(0, 63) }) {
        const change damage = [&](gguf_context * g) { gguf_set_val_str(g, source, other.c_str()); };
        refused(std::string(source) + " is not that of the model's file", DIGEST, damage);
        refused("", "", damage);
    }
    refused(std::string(source) + " is missing", DIGEST, [&](gguf_context * g) { gguf_remove_key(g, source); });
    refused("", DIGEST,                                  [&](gguf_context * g) { gguf_remove_key(g, bytes);  });
    refused(std::string(bytes) + " is missing", "",      [&](gguf_context * g) { gguf_remove_key(g, bytes);  });
    refused(std::string(bytes) + " is not a u64", "",    [&](gguf_context * g) { gguf_set_val_u32(g, bytes, 1); });

    const flash_head_map_file of_file = opened("", none), of_blob = opened(DIGEST, none);
    check(flash_head_map_file_checks_bytes(of_file) && !flash_head_map_file_checks_bytes(of_blob)
            && !flash_head_map_file_checks_bytes({}), "it is wrong whether bytes are to be checked");
    const auto misfit = [&](const void * data, size_t size) {
        return flash_head_map_file_misfit(of_file.head_xxh64, data, size);
    };
    check(misfit(ROWS.data(), ROWS.size()) == "", "the head's bytes do not fit");
    check(misfit(ROWS.data(), ROWS.size() - 1) == "flashhead.map.head_xxh64 is not that of the head's bytes",
            "other bytes fit");
    check(misfit(nullptr, ROWS.size()) == "the head's bytes cannot be read", "bytes that are not there fit");
}

// Files that are no map at all.
static void test_unreadable() {
    const auto reason = [](const fs::path & path) { return flash_head_map_file_open({ path.string(), "" }).error; };
    check(reason(folder/"nowhere"/"map.gguf") == "No such file or directory", "a missing map: '%s'",
            reason(folder/"nowhere"/"map.gguf").c_str());
    check(reason(folder) == "it is not a regular file", "a folder: '%s'", reason(folder).c_str());
    const fs::path pipe = folder/"pipe.gguf";
    check(mkfifo(pipe.c_str(), 0600) == 0 && reason(pipe) == "it is not a regular file", "a pipe: '%s'",
            reason(pipe).c_str());
    check(reason(touch(folder/"text.gguf")) == "it is not a GGUF file that can be read", "text is read as a map");
    opened("", [](gguf_context *) {});
    fs::resize_file(folder/"map.gguf", fs::file_size(folder/"map.gguf")/2);
    check(reason(folder/"map.gguf") == "it is not a GGUF file that can be read", "half a map is read");
}

int main() {
    std::string name = fs::temp_directory_path().string() + "/test-flash-head-XXXXXX";
    if (mkdtemp(&name[0]) == nullptr) {
        perror(name.c_str());
        return 1;
    }
    folder = fs::canonical(name);
    ggml_log_set([](ggml_log_level, const char *, void *) {}, nullptr); // ggml's own errors about damaged files
    test_xxh64();
    test_paths();
    test_find();
    test_fit();
    test_unreadable();
    fs::remove_all(folder);
    return check.finish();
}
