#include "flash-head-files.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

std::vector<std::string> flash_head_process_args() {
    std::vector<std::string> args;
    FILE * file = fopen("/proc/self/cmdline", "rb");
    if (file == nullptr) {
        return args;
    }
    std::string arg;
    for (int c; (c = fgetc(file)) != EOF; ) {
        if (c == '\0') {
            args.push_back(arg);
            arg.clear();
        } else {
            arg += (char) c;
        }
    }
    fclose(file);
    return args;
}

bool flash_head_file_find(const std::string & path, flash_head_file & file) {
    struct stat st;
    if (stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) {
        return false;
    }
    file.path  = path;
    file.name  = path;
    file.id[0] = st.st_dev;
    file.id[1] = st.st_ino;
    file.id[2] = st.st_size;
#if defined(__APPLE__)
    file.id[3] = (uint64_t) st.st_mtimespec.tv_sec*1000000000 + st.st_mtimespec.tv_nsec;
#else
    file.id[3] = (uint64_t) st.st_mtim.tv_sec*1000000000 + st.st_mtim.tv_nsec;
#endif
    return true;
}

bool flash_head_files_open(std::vector<flash_head_file> & files) {
    files.clear();
#if defined(__linux__)
    DIR * dir = opendir("/proc/self/fd");
    if (dir == nullptr) {
        return false;
    }
    while (const dirent * entry = readdir(dir)) {
        flash_head_file file;
        if (flash_head_file_find(std::string("/proc/self/fd/") + entry->d_name, file)) {
            char target[4096];
            const ssize_t n = readlink(file.path.c_str(), target, sizeof(target));
            if (n > 0) {
                file.name.assign(target, n);
            }
            files.push_back(file);
        }
    }
    closedir(dir);
    return true;
#else
    return false;
#endif
}
