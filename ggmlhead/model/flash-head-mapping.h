#pragma once

#include <stddef.h>
#include <stdint.h>

#include <string>

// A part of a file as read-only memory. It counts as page cache, not as memory of this process.
struct flash_head_mapping {
    const uint8_t * data = nullptr;
    size_t          size = 0;

    // Maps size bytes at offset. data stays nullptr if that is not possible.
    flash_head_mapping(const std::string & path, uint64_t offset, size_t size);
    ~flash_head_mapping();

    flash_head_mapping(const flash_head_mapping &) = delete;
    flash_head_mapping & operator=(const flash_head_mapping &) = delete;

private:
    void * base      = nullptr;
    size_t base_size = 0;
};
