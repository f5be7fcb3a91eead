#pragma once

#include <stddef.h>

static inline void flash_head_prefetch(const void * p, size_t size) {
#if defined(__GNUC__)
    for (size_t i = 0; i < size; i += 64) {
        __builtin_prefetch((const char *) p + i, 0, 3);
    }
#else
    (void) p; (void) size;
#endif
}
