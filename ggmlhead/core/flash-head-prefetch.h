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

// Calls work(i) for all i < n, each `ahead` items after prefetch(i): for reads from scattered places.
template <typename P, typename W> static inline void flash_head_each_ahead(int64_t n, int64_t ahead, const P & prefetch,
        const W & work) {
    for (int64_t i = 0; i < ahead && i < n; i++) {
        prefetch(i);
    }
    for (int64_t i = 0; i < n; i++) {
        if (i + ahead < n) {
            prefetch(i + ahead);
        }
        work(i);
    }
}
