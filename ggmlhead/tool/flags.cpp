#include "flags.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

static bool parse_number(const char * text, const flash_head_flag & flag) {
    char * end = nullptr;
    errno = 0;
    *flag.number = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *flag.number >= flag.min && *flag.number <= flag.max;
}

bool flash_head_parse_flags(int argc, char ** argv, const flash_head_flag * flags, size_t n_flags) {
    for (int i = 0; i < argc; i += 2) {
        const flash_head_flag * found = nullptr;
        for (size_t k = 0; k < n_flags; k++) {
            if (strcmp(argv[i], flags[k].name) == 0 && i + 1 < argc) {
                found = &flags[k];
            }
        }
        if (found == nullptr) {
            fprintf(stderr, "error: unknown argument or missing value: %s\n", argv[i]);
            return false;
        }
        if (found->text != nullptr) {
            *found->text = argv[i + 1];
        } else if (!parse_number(argv[i + 1], *found)) {
            fprintf(stderr, "error: %s must be a whole number from %lld to %lld\n", found->name, (long long) found->min,
                    (long long) found->max);
            return false;
        }
    }
    return true;
}
