#pragma once

// The runtimes that the plug-in was tried with (flash-head-hosts.inc).
//
// GGML_BACKEND_API_VERSION is not enough: different layouts have had the same number. ggml_version() is raised by hand,
// so it names many commits. ggml_commit() is "unknown" wherever ggml is built without its repository.

#include <string>

enum flash_head_host_state {
    FLASH_HEAD_HOST_TRIED,  // this very commit
    FLASH_HEAD_HOST_NEAR,   // another or an unknown commit of a version that was tried: the checks at load decide
    FLASH_HEAD_HOST_FOREIGN // another version
};

// What is known of a runtime whose ggml reports version and commit. Commits may be abbreviated to seven digits or more
// and end in "-dirty".
flash_head_host_state flash_head_host_lookup(const std::string & version, const std::string & commit);

// Why the plug-in stays inactive in this runtime, or "". FLASHHEAD_ANY_HOST=1 lets it work in foreign runtimes.
std::string flash_head_host_refusal(const std::string & version, const std::string & commit);
