#include "flash-head-map-path.h"

#include <algorithm>
#include <filesystem>
#include <stdlib.h>
#include <system_error>

namespace fs = std::filesystem;

// what Ollama's names of blobs begin with, and of the folders with hard links to the blobs of a model of several files
static const char * const PREFIX_BLOB  = "sha256-";
static const char * const PREFIX_SPLIT = ".ollama-split-";

static const char * const EXTENSION = ".gguf";

// the name of a folder for maps beside Ollama's blobs
static const char * const FOLDER = "flashhead";

// Removes prefix from text. Returns false if text does not begin with it.
static bool cut_prefix(std::string & text, const std::string & prefix) {
    if (text.compare(0, prefix.size(), prefix) != 0) {
        return false;
    }
    text.erase(0, prefix.size());
    return true;
}

// the SHA-256 in the name of a blob, or ""
static std::string blob_of(const fs::path & path) {
    std::string digest = path.filename().u8string();
    const bool is_blob = cut_prefix(digest, PREFIX_BLOB) && digest.size() == 64 && std::all_of(digest.begin(),
            digest.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    return is_blob ? digest : "";
}

// The blob to which path is a hard link in a folder for a model of several files, otherwise path.
static fs::path without_split(const fs::path & path) {
    const fs::path folder = path.parent_path();
    std::string name = folder.filename().u8string();
    if (!cut_prefix(name, PREFIX_SPLIT)) {
        return path;
    }
    std::error_code error, other;
    for (fs::directory_iterator it(folder.parent_path(), error), end; !error && it != end; it.increment(error)) {
        if (!blob_of(it->path()).empty() && fs::equivalent(it->path(), path, other)) {
            return it->path();
        }
    }
    return path;
}

namespace {

// Where the map of a model lies.
struct map_place {
    fs::path    folder, name;
    std::string blob;

    explicit map_place(const fs::path & first_file) {
        const fs::path model = without_split(first_file);
        std::string    base  = model.filename().u8string();
        blob = blob_of(model);
        if (!blob.empty()) {
            // by names alone: blobs may be a link to another disk, and its folder still that of the models
            folder = model.lexically_normal().parent_path().parent_path()/FOLDER;
            name   = fs::u8path(base + EXTENSION);
            return;
        }
        const std::string extension = EXTENSION;
        if (base.size() > extension.size()
                && base.compare(base.size() - extension.size(), extension.size(), extension) == 0) {
            base.resize(base.size() - extension.size());
        }
        folder = model.parent_path();
        name   = fs::u8path(base + ".flashhead" + EXTENSION);
    }

    flash_head_map_path in(const fs::path & other) const { return { (other/name).u8string(), blob }; }
};

} // namespace

std::vector<flash_head_map_path> flash_head_map_paths(const std::string & model, const std::string & folder) {
    std::error_code error;
    const fs::path given = fs::absolute(fs::u8path(model), error);
    const fs::path real  = fs::canonical(given, error);
    std::vector<map_place> places = { map_place(given) };
    if (!error && real != given) {
        places.emplace_back(real);
    }
    std::vector<flash_head_map_path> paths;
    if (!folder.empty()) {
        for (const map_place & place : places) {
            paths.push_back(place.in(fs::u8path(folder)));
        }
    }
    for (const map_place & place : places) {
        paths.push_back(place.in(place.folder));
    }
    return paths;
}

flash_head_map_path flash_head_map_find(const std::string & model) {
    const char * folder = getenv("FLASHHEAD_MAPS");
    for (const flash_head_map_path & map : flash_head_map_paths(model, folder ? folder : "")) {
        std::error_code error;
        // a folder that may not be searched may have a map: reading it will tell the user
        if (fs::exists(fs::u8path(map.path), error) || error == std::errc::permission_denied) {
            return map;
        }
    }
    return {};
}
