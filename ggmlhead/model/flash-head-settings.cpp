#include "flash-head-settings.h"

#include "flash-head-map.h"
#include "flash-head-max-rows.h"
#include "ggml-flash-head.h"

#include <algorithm>
#include <errno.h>
#include <iterator>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

// Reads variables one by one. After the first bad one it keeps the error and ignores the rest.
struct reader {
    std::string error;

    // value of the variable, or nullptr if it is unset, empty, or no longer of interest
    const char * value(const char * name) const {
        const char * s = getenv(name);
        return error.empty() && s && *s ? s : nullptr;
    }

    void fail(const char * name, const char * s, const char * expected) {
        error = std::string(name) + "=" + s + ": expected " + expected;
    }

    void flag(const char * name, bool & out) {
        if (const char * s = value(name)) {
            if (strcmp(s, "0") != 0 && strcmp(s, "1") != 0) {
                return fail(name, s, "0 or 1");
            }
            out = *s == '1';
        }
    }

    // integer min .. max
    template <typename T> void number(const char * name, int64_t min, int64_t max, const char * expected, T & out) {
        if (const char * s = value(name)) {
            char * end = nullptr;
            errno = 0;
            const long long n = strtoll(s, &end, 10);
            if (errno != 0 || *end != '\0' || n < min || n > max) {
                return fail(name, s, expected);
            }
            out = (T) n;
        }
    }

    // finite number that is good
    template <typename F> void real(const char * name, const F & good, const char * expected, float & out) {
        if (const char * s = value(name)) {
            char * end = nullptr;
            const float f = strtof(s, &end);
            if (*end != '\0' || !isfinite(f) || !good(f)) {
                return fail(name, s, expected);
            }
            out = f;
        }
    }
};

const flash_head_scope SCOPES[] = { FLASH_HEAD_SCOPE_ALL, FLASH_HEAD_SCOPE_DRAFT, FLASH_HEAD_SCOPE_TARGET };

} // namespace

const char * flash_head_scope_name(flash_head_scope scope) {
    switch (scope) {
        case FLASH_HEAD_SCOPE_ALL:    return "all";
        case FLASH_HEAD_SCOPE_DRAFT:  return "draft";
        case FLASH_HEAD_SCOPE_TARGET: return "target";
    }
    return "";
}

bool flash_head_scope_has(flash_head_scope scope, bool draft) {
    return scope == FLASH_HEAD_SCOPE_ALL || (scope == FLASH_HEAD_SCOPE_DRAFT) == draft;
}

ggml_type flash_head_centroid_type(const char * name) {
    for (int i = 0; i < GGML_TYPE_COUNT; i++) {
        const ggml_type type = (ggml_type) i;
        const ggml_type_traits * traits = ggml_get_type_traits(type);
        if (traits->type_name == nullptr || strcmp(traits->type_name, name) != 0) {
            continue;
        }
        // vectors of weights have these types: what is left out cannot be made without an importance matrix, holds
        // integers, or is for activations alone (it cannot be read back), and ggml_quantize_chunk would end the process
        const bool plain = type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16;
        const bool quant = ggml_is_quantized(type) && traits->from_float_ref && traits->to_float
                && !ggml_quantize_requires_imatrix(type);
        return plain || quant ? type : GGML_TYPE_COUNT;
    }
    return GGML_TYPE_COUNT;
}

bool flash_head_settings_read(flash_head_settings & settings, std::string & error) {
    reader r;

    r.flag    ("FLASHHEAD_ENABLED",     settings.enabled);
    r.number  ("FLASHHEAD_PROBES",      1, INT32_MAX,  "a whole number of at least 1", settings.n_probe);
    r.real    ("FLASHHEAD_TOLERANCE",   [](float f) { return f >= 0.0f; }, "a number of at least 0",
            settings.tolerance);
    r.real    ("FLASHHEAD_TEMPERATURE", [](float f) { return f >  0.0f; }, "a number above 0", settings.temperature);
    r.number  ("FLASHHEAD_SEED",        0, UINT32_MAX, "a whole number from 0 to 4294967295", settings.seed);
    r.number  ("FLASHHEAD_MAX_ROWS",    0, INT32_MAX,  "a whole number, 0 for no limit", settings.max_rows);
    r.flag    ("FLASHHEAD_REORDER",     settings.reorder);
    r.flag    ("FLASHHEAD_STATS",       settings.stats);

    if (const char * s = r.value("FLASHHEAD_EXACT")) {
        if (strcmp(s, "auto") == 0) {
            settings.exact = -1;
        } else if (strcmp(s, "off") == 0) {
            settings.exact = 0;
        } else {
            r.number("FLASHHEAD_EXACT", 1, GGML_FLASH_HEAD_DENSE_ROWS, "auto, off or a whole number from 1 to 32",
                    settings.exact);
        }
    }
    if (const char * s = r.value("FLASHHEAD_SCOPE")) {
        const auto * found = std::find_if(std::begin(SCOPES), std::end(SCOPES), [&](flash_head_scope scope) {
            return strcmp(s, flash_head_scope_name(scope)) == 0;
        });
        if (found != std::end(SCOPES)) {
            settings.scope = *found;
        } else {
            r.fail("FLASHHEAD_SCOPE", s, "all, draft or target");
        }
    }
    if (const char * s = r.value("FLASHHEAD_MODE")) {
        if (strcmp(s, "top") == 0) {
            settings.mode = GGML_FLASH_HEAD_TOP;
        } else if (strcmp(s, "sample") == 0) {
            settings.mode = GGML_FLASH_HEAD_SAMPLE;
        } else {
            r.fail("FLASHHEAD_MODE", s, "top or sample");
        }
    }
    if (const char * s = r.value("FLASHHEAD_CENTROID_TYPE")) {
        settings.centroid_type = flash_head_centroid_type(s);
        if (settings.centroid_type == GGML_TYPE_COUNT) {
            r.fail("FLASHHEAD_CENTROID_TYPE", s, "a ggml type such as q4_0, q8_0 or f16");
        }
    }

    error = r.error;
    return error.empty();
}

bool flash_head_settings_resolve(
        flash_head_settings & settings, const flash_head_map & map, ggml_type weight_type, int64_t n_embd,
        std::string & error) {
    if (settings.centroid_type == GGML_TYPE_COUNT) {
        settings.centroid_type = map.centroid_type;
    }
    const int64_t block = ggml_blck_size(settings.centroid_type);
    if (n_embd % block != 0) {
        error = std::string("FLASHHEAD_CENTROID_TYPE=") + ggml_type_name(settings.centroid_type) + ": rows of "
              + std::to_string(n_embd) + " columns are no multiple of its blocks of " + std::to_string(block);
        return false;
    }
    if (settings.n_probe == 0) {
        settings.n_probe = map.n_probe;
    }
    if (settings.tolerance < 0.0f) {
        settings.tolerance = map.tolerance;
    }
    if (settings.n_probe > map.n_cluster) {
        error = "FLASHHEAD_PROBES=" + std::to_string(settings.n_probe) + ": this model has "
                + std::to_string(map.n_cluster) + " clusters";
        return false;
    }
    if (settings.max_rows < 0) {
        settings.max_rows = flash_head_max_rows(weight_type, map.n_directions > 0, settings.mode);
    }
    return true;
}

std::string flash_head_summary(
        const char * device, const char * weight, const flash_head_map & map, const flash_head_settings & settings,
        const char * rows, size_t extra_bytes) {
    std::string limit;
    if (settings.max_rows > 0) {
        limit = ", dense above " + std::to_string(settings.max_rows) + " rows";
    }
    std::string scope;
    if (settings.scope != FLASH_HEAD_SCOPE_ALL) {
        scope = std::string(", scope ") + flash_head_scope_name(settings.scope);
    }
    std::string codes;
    if (map.n_directions > 0) {
        codes = ", codes of " + std::to_string(map.coarse_bits) + " bits and " + std::to_string(map.fine_bytes)
              + " bytes, " + std::to_string(flash_head_n_near(map, settings.n_probe)) + " near";
        if (settings.tolerance > 0.0f) {
            char tolerance[48];
            snprintf(tolerance, sizeof(tolerance), ", tolerance %g", settings.tolerance);
            codes += tolerance;
        }
    }
    char text[512];
    snprintf(text, sizeof(text),
            "active on %s: %s, %d tokens in %d clusters, %d probed (%s), %d pinned, %s centroids%s%s%s%s%s; %.1f MiB",
            device, weight, (int) map.cluster.size(), (int) map.n_cluster, settings.n_probe,
            settings.mode == GGML_FLASH_HEAD_SAMPLE ? "sampled"
            : "top", (int) map.pinned.size(), ggml_type_name(settings.centroid_type), codes.c_str(),
            *rows ? ", " : "", rows, limit.c_str(), scope.c_str(), extra_bytes/1024.0/1024.0);
    return text;
}
