#include "flags.h"

#include <cerrno>
#include <cstdlib>

static bool parse_number(const char * text, const flash_head_flag & flag) {
    char * end = nullptr;
    errno = 0;
    *flag.number = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *flag.number >= flag.min && *flag.number <= flag.max;
}

void flash_head_parse_flags(int argc, char ** argv, const std::vector<flash_head_flag> & flags) {
    for (int i = 0; i < argc; i += 2) {
        const std::string name = argv[i];
        const flash_head_flag * found = nullptr;
        for (const flash_head_flag & flag : flags) {
            if (name == flag.name && i + 1 < argc) {
                found = &flag;
            }
        }
        if (found == nullptr) {
            throw flash_head_usage_error("unknown argument or missing value: " + name);
        }
        if (found->text != nullptr) {
            *found->text = argv[i + 1];
        } else if (!parse_number(argv[i + 1], *found)) {
            throw flash_head_usage_error(name + " must be a whole number from " + std::to_string(found->min) + " to "
                    + std::to_string(found->max));
        }
    }
}

enum ggml_type flash_head_type_named(const std::string & name) {
    for (int i = 0; i < GGML_TYPE_COUNT; i++) {
        const char * known = ggml_type_name((enum ggml_type) i);
        if (known != nullptr && name == known) {
            return (enum ggml_type) i;
        }
    }
    return GGML_TYPE_COUNT;
}
