#include "flash-head-mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

flash_head_mapping::flash_head_mapping(const std::string & path, uint64_t offset, size_t size) {
    const uint64_t begin = offset - offset % (uint64_t) sysconf(_SC_PAGESIZE);

    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    struct stat st;
    if (fstat(fd, &st) == 0 && offset <= (uint64_t) st.st_size && size <= (uint64_t) st.st_size - offset) {
        base_size = size + (size_t) (offset - begin);
        base      = mmap(nullptr, base_size, PROT_READ, MAP_SHARED, fd, (off_t) begin);
        if (base == MAP_FAILED) {
            base = nullptr;
        }
    }
    close(fd);
    if (base != nullptr) {
        this->data = (const uint8_t *) base + (offset - begin);
        this->size = size;
    }
}

flash_head_mapping::~flash_head_mapping() {
    if (base != nullptr) {
        munmap(base, base_size);
    }
}
