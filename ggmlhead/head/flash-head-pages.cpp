#include "flash-head-pages.h"

#include <stdint.h>

#if defined(__linux__)
#include <sys/mman.h>
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
