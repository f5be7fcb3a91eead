#include "flash-head-files.h"

#define WIN32_LEAN_AND_MEAN
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#include <stdlib.h>

std::vector<std::string> flash_head_process_args() {
    return std::vector<std::string>(__argv, __argv + __argc);
}

bool flash_head_file_find(const std::string & path, flash_head_file & file) {
    HANDLE handle = CreateFileA(path.c_str(), 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
            OPEN_EXISTING, 0, nullptr);
    if (handle == INVALID_HANDLE_VALUE) {
        return false;
    }
    BY_HANDLE_FILE_INFORMATION info;
    const bool ok = GetFileInformationByHandle(handle, &info);
    CloseHandle(handle);
    if (ok) {
        file.path  = path;
        file.name  = path;
        file.id[0] = info.dwVolumeSerialNumber;
        file.id[1] = (uint64_t) info.nFileIndexHigh << 32 | info.nFileIndexLow;
        file.id[2] = (uint64_t) info.nFileSizeHigh  << 32 | info.nFileSizeLow;
        file.id[3] = (uint64_t) info.ftLastWriteTime.dwHighDateTime << 32 | info.ftLastWriteTime.dwLowDateTime;
    }
    return ok;
}

bool flash_head_files_open(std::vector<flash_head_file> &) {
    return false;
}
