#pragma once

// How many processors this process may use, which can be fewer than the machine has. Host-independent.

#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>

// Whether a comma-separated list contains name.
inline bool flash_head_list_has(const std::string & list, const std::string & name) {
    return ("," + list + ",").find("," + name + ",") != std::string::npos;
}

// Undoes the octal escapes of a path in mountinfo.
inline std::string flash_head_unescape(const std::string & path) {
    std::string out;
    for (size_t i = 0; i < path.size(); i++) {
        if (path[i] == '\\' && i + 3 < path.size()) {
            out += (char) strtol(path.substr(i + 1, 3).c_str(), nullptr, 8);
            i += 3;
        } else {
            out += path[i];
        }
    }
    return out;
}

// The quota of the cgroup with the folder dir, in processors; 0 for none.
inline double flash_head_quota_of(const std::string & dir, bool v2) {
    std::string quota, period;
    if (v2) {
        std::ifstream(dir + "/cpu.max") >> quota >> period;
    } else {
        std::ifstream(dir + "/cpu.cfs_quota_us")  >> quota;
        std::ifstream(dir + "/cpu.cfs_period_us") >> period;
    }
    const double q = atof(quota.c_str()), p = atof(period.c_str()); // "max", or -1, for none
    return q > 0 && p > 0 ? q/p : 0;
}

// The least CPU quota of this process's cgroups, in processors, with its proc and cgroup file systems below root; 0 for
// none. internal/processors computes the same in Go.
inline double flash_head_quota(const std::string & root) {
    double        least = 0;
    std::ifstream groups(root + "/proc/self/cgroup");
    for (std::string group; std::getline(groups, group); ) {
        // ID:CONTROLLERS:PATH; without controllers it is version 2
        const size_t a = group.find(':'), b = a == std::string::npos ? a : group.find(':', a + 1);
        if (b == std::string::npos) {
            continue;
        }
        const std::string controllers = group.substr(a + 1, b - a - 1), path = group.substr(b + 1);
        const bool v2 = group.substr(0, a) == "0" && controllers.empty();
        if (!v2 && !flash_head_list_has(controllers, "cpu")) {
            continue;
        }
        std::ifstream mounts(root + "/proc/self/mountinfo");
        for (std::string mount; std::getline(mounts, mount); ) {
            // ID PARENT DEVICE ROOT POINT OPTIONS [...] - TYPE SOURCE SUPEROPTIONS
            const size_t dash = mount.find(" - ");
            std::string skip, top, point, type, super;
            std::istringstream(mount.substr(0, dash)) >> skip >> skip >> skip >> top >> point;
            if (dash == std::string::npos || point.empty()) {
                continue;
            }
            std::istringstream(mount.substr(dash + 3)) >> type >> skip >> super;
            if (type != (v2 ? "cgroup2" : "cgroup") || (!v2 && !flash_head_list_has(super, "cpu"))) {
                continue;
            }
            top = flash_head_unescape(top);
            top = top == "/" ? "" : top;
            std::string dir = root + flash_head_unescape(point), below;
            if (path.compare(0, top.size(), top) == 0 && (path.size() == top.size() || path[top.size()] == '/')) {
                below = path.substr(top.size());
            }
            if (below.compare(0, 3, "/..") == 0) {
                below.clear(); // of another namespace: what is mounted is all that can be seen
            }
            std::istringstream names(below);
            for (std::string name; ; dir += "/" + name) {
                const double quota = flash_head_quota_of(dir, v2);
                least = quota > 0 && (least == 0 || quota < least) ? quota : least;
                do {
                    name.clear();
                } while (std::getline(names, name, '/') && name.empty());
                if (name.empty()) {
                    break;
                }
            }
            break;
        }
    }
    return least;
}

// The processors of this thread's affinity; 0 if the system does not tell.
inline int flash_head_affinity() {
    for (int n = 1024; n <= 1 << 20; n *= 2) {
        cpu_set_t * set = CPU_ALLOC(n);
        const size_t size = CPU_ALLOC_SIZE(n);
        const int count = set && sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (count > 0) {
            return count;
        }
    }
    return 0;
}
#endif

// The number of processors that this process may use: those of its affinity, limited by the quota of its cgroups,
// rounded down. Threads that wait for each other all stop when the quota is used up. At least 1.
inline int flash_head_processors() {
    int n = (int) std::thread::hardware_concurrency();
#if defined(__linux__)
    const int allowed = flash_head_affinity();
    n = allowed > 0 ? allowed : n;
    const double quota = flash_head_quota("");
    n = quota > 0 && quota < n ? (int) quota : n;
#endif
    return std::max(1, n);
}
