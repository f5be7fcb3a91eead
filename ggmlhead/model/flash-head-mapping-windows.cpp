#include "flash-head-mapping.h"

#define WIN32_LEAN_AND_MEAN
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

flash_head_mapping::flash_head_mapping(const std::string & path, uint64_t offset, size_t size) {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    const uint64_t begin = offset - offset % info.dwAllocationGranularity;

    HANDLE file = CreateFileA(path.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
            0, nullptr);
    if (file == INVALID_HANDLE_VALUE) {
        return;
    }
    HANDLE mapping = CreateFileMappingA(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
    CloseHandle(file);
    if (mapping == nullptr) {
        return;
    }
    base_size = size + (size_t) (offset - begin);
    base      = MapViewOfFile(mapping, FILE_MAP_READ, (DWORD) (begin >> 32), (DWORD) begin, base_size);
    CloseHandle(mapping);
    if (base != nullptr) {
        this->data = (const uint8_t *) base + (offset - begin);
        this->size = size;
    }
}

flash_head_mapping::~flash_head_mapping() {
    if (base != nullptr) {
        UnmapViewOfFile(base);
    }
}
