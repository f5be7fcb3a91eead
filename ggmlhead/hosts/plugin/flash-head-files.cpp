#include "flash-head-files.h"

#include <algorithm>
#include <stdlib.h>

// the values of options on this process's command line
static std::vector<std::string> values_of(const std::vector<std::string> & options) {
    const std::vector<std::string> args = flash_head_process_args();
    std::vector<std::string> values;
    for (size_t i = 1; i + 1 < args.size(); i++) {
        if (std::find(options.begin(), options.end(), args[i]) != options.end()) {
            values.push_back(args[i + 1]);
        }
    }
    return values;
}

std::vector<std::string> flash_head_files_named() {
    std::vector<std::string> paths;
    for (const std::string & value : values_of({ "-m", "--model" })) {
        paths.push_back(value); // a comma may be part of a name
        for (size_t begin = 0; value.find(',') != std::string::npos && begin <= value.size(); ) {
            const size_t end = std::min(value.find(',', begin), value.size());
            paths.push_back(value.substr(begin, end - begin));
            begin = end + 1;
        }
    }
    return paths;
}

std::vector<std::string> flash_head_drafts_named() {
    std::vector<std::string> paths = values_of({ "-md", "--spec-draft-model", "--model-draft" });
    const char * path = getenv("LLAMA_ARG_SPEC_DRAFT_MODEL"); // llama.cpp's variable for the option
    if (path != nullptr && *path) {
        paths.push_back(path);
    }
    return paths;
}
