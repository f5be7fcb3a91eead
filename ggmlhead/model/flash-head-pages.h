#pragma once

// Advice to the operating system about memory pages. Host-independent.

#include <stddef.h>

// Asks for huge pages for size bytes at data: rows are gathered from all over a head, and a TLB miss costs more than a
// row. Advice only.
void flash_head_advise_huge_pages(void * data, size_t size);

// Drops the pages of size bytes at data from this process's memory if they are a shared file mapping, which is read
// again on demand. Leaves other memory alone.
void flash_head_pages_release(const void * data, size_t size);
