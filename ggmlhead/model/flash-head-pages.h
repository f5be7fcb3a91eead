#pragma once

// The operating system's memory pages. Host-independent.

#include <stddef.h>

// Asks for huge pages for size bytes at data: rows are gathered all over a head, and a small page each costs more than
// the row. A wish: without it all works.
void flash_head_advise_huge_pages(void * data, size_t size);

// Takes the pages of size bytes at data out of this process's memory, if they are a shared mapping of a file and so
// come back by themselves when read; other memory is left alone.
void flash_head_pages_release(const void * data, size_t size);
