#include "flash-head-host-versions.h"

#include <stdlib.h>

#include <algorithm>

static const struct {
    const char * version;
    const char * commit;
    const char * ollama;
} TRIED[] = {
#define FLASH_HEAD_HOST(version, commit, ollama) { version, commit, ollama },
#include "flash-head-hosts.inc"
#undef FLASH_HEAD_HOST
};

static bool same_commit(std::string a, const std::string & b) {
    static const std::string dirty = "-dirty";
    if (a.size() > dirty.size() && a.compare(a.size() - dirty.size(), dirty.size(), dirty) == 0) {
        a.resize(a.size() - dirty.size());
    }
    const size_t n = std::min(a.size(), b.size());
    return n >= 7 && a != "unknown" && a.compare(0, n, b, 0, n) == 0;
}

flash_head_host_state flash_head_host_lookup(const std::string & version, const std::string & commit) {
    flash_head_host_state state = FLASH_HEAD_HOST_FOREIGN;
    for (const auto & host : TRIED) {
        if (version == host.version) {
            if (same_commit(commit, host.commit)) {
                return FLASH_HEAD_HOST_TRIED;
            }
            state = FLASH_HEAD_HOST_NEAR;
        }
    }
    return state;
}

std::string flash_head_host_refusal(const std::string & version, const std::string & commit) {
    const char * any = getenv("FLASHHEAD_ANY_HOST");
    const std::string value = any == nullptr ? "" : any;
    if (!value.empty() && value != "0" && value != "1") {
        return "FLASHHEAD_ANY_HOST is neither 0 nor 1";
    }
    if (value == "1" || flash_head_host_lookup(version, commit) != FLASH_HEAD_HOST_FOREIGN) {
        return "";
    }
    return "it was not tried with this runtime's ggml " + version + " (commit " + commit
            + "); update fh-ollama, or set "
        "FLASHHEAD_ANY_HOST=1 to go by the checks at load alone";
}
