#include "flash-head-files.h"

#include <algorithm>

std::vector<std::string> flash_head_files_named() {
    const std::vector<std::string> args = flash_head_process_args();
    std::vector<std::string> paths;
    for (size_t i = 1; i + 1 < args.size(); i++) {
        if (args[i] != "-m" && args[i] != "--model") {
            continue;
        }
        const std::string & value = args[i + 1];
        paths.push_back(value); // a comma may also be part of the name
        for (size_t begin = 0; value.find(',') != std::string::npos && begin <= value.size(); ) {
            const size_t end = std::min(value.find(',', begin), value.size());
            paths.push_back(value.substr(begin, end - begin));
            begin = end + 1;
        }
    }
    return paths;
}
