#pragma once

#include <stddef.h>
#include <stdint.h>

// Asks for the cache lines of size bytes from p on.
static inline void flash_head_prefetch(const void * p, size_t size) {
#if defined(__GNUC__)
    const char * end = (const char *) p + size;
    for (const char * line = (const char *) ((uintptr_t) p & ~(uintptr_t) 63); line < end; line += 64) {
        __builtin_prefetch(line, 0, 3);
    }
    __asm__ volatile(""); // GCC takes what only prefetches for a function without effect, and drops its calls
#else
    (void) p; (void) size;
#endif
}
