#include "flash-head-pages.h"

#include <stdint.h>

#if defined(__linux__)
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

void flash_head_advise_huge_pages(void * data, size_t size) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    const uintptr_t page  = 2*1024*1024;
    const uintptr_t begin = ((uintptr_t) data + page - 1) & ~(page - 1);
    const uintptr_t end   = ((uintptr_t) data + size)     & ~(page - 1);
    if (begin < end) {
        madvise((void *) begin, end - begin, MADV_HUGEPAGE);
    }
#else
    (void) data; (void) size;
#endif
}

#if defined(__linux__)

// whether all of begin .. end - 1 lies in one shared mapping, as /proc/self/maps has it:
// 7f0c4a200000-7f0c4ba00000 r--s 00000000 08:01 131 /models/a.gguf
static bool in_shared_mapping(uintptr_t begin, uintptr_t end) {
    FILE * maps = fopen("/proc/self/maps", "r");
    if (maps == nullptr) {
        return false;
    }
    bool shared = false;
    char line[8192];
    while (fgets(line, sizeof(line), maps)) {
        unsigned long first, last;
        char perms[5];
        if (sscanf(line, "%lx-%lx %4s", &first, &last, perms) == 3 && first <= begin && end <= last) {
            shared = perms[3] == 's';
            break;
        }
    }
    fclose(maps);
    return shared;
}

void flash_head_pages_release(const void * data, size_t size) {
    const uintptr_t page  = (uintptr_t) sysconf(_SC_PAGESIZE);
    const uintptr_t begin = ((uintptr_t) data + page - 1) & ~(page - 1);
    const uintptr_t end   = ((uintptr_t) data + size)     & ~(page - 1);
    if (begin < end && in_shared_mapping(begin, end)) {
        madvise((void *) begin, end - begin, MADV_DONTNEED);
    }
}

#else

void flash_head_pages_release(const void *, size_t) {
}

#endif
