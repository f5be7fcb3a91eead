#pragma once

// Tests of the default number of threads, and of threads that cannot be started.

#include "check.h"
#include "flash-head-processors.h"
#include "pool.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#if defined(__linux__)
#include <sys/resource.h>
#include <unistd.h>

// The CPU quota for a tree of files; the same cases as in internal/processors/quota_linux_test.go.
static void check_quota(checker & check, const char * name, const std::map<std::string, std::string> & files,
        double want) {
    namespace fs = std::filesystem;
    const fs::path root = fs::temp_directory_path()/("fh-ollama-test-quota-" + std::to_string(getpid()));
    for (const auto & [path, text] : files) {
        fs::create_directories((root/path).parent_path());
        std::ofstream(root/path) << text;
    }
    const double got = flash_head_quota(root.string());
    check(got == want, "%s: the quota is %g, expected %g", name, got, want);
    fs::remove_all(root);
}

static void test_quota(checker & check) {
    printf("threads: the quota is the minimum over a cgroup and its parents\n");
    const std::string v2 = "24 1 0:22 / /sys rw - sysfs sysfs rw\n35 24 0:30 / /sys/fs/cgroup rw,nosuid - cgroup2 "
            "cgroup2 rw\n";
    const std::string v1 = "35 24 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                           "36 24 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
    const std::string groups = "proc/self/cgroup", mounts = "proc/self/mountinfo", top = "sys/fs/cgroup/";
    check_quota(check, "none", {}, 0);
    check_quota(check, "version 2", {{groups, "0::/user/job\n"}, {mounts, v2},
        {top + "user/job/cpu.max", "150000 100000\n"}, {top + "user/cpu.max", "max 100000\n"}}, 1.5);
    check_quota(check, "a parent's", {{groups, "0::/user/job\n"}, {mounts, v2},
        {top + "user/job/cpu.max", "max 100000\n"}, {top + "user/cpu.max", "50000 20000\n"}}, 2.5);
    check_quota(check, "in a namespace", {{groups, "0::/\n"}, {mounts, v2}, {top + "cpu.max", "300000 100000\n"}}, 3);
    check_quota(check, "of another namespace", {{groups, "0::/../other\n"}, {mounts, v2},
            {top + "cpu.max", "300000 100000\n"},
        {"sys/fs/other/cpu.max", "100000 100000\n"}}, 3);
    check_quota(check, "a part is mounted", {{groups, "0::/docker/abc/job\n"},
        {mounts, "35 24 0:30 /docker/abc /sys/my\\040groups rw - cgroup2 cgroup2 rw\n"},
        {"sys/my groups/job/cpu.max", "400000 100000\n"}}, 4);
    check_quota(check, "no quota", {{groups, "0::/job\n"}, {mounts, v2}, {top + "job/cpu.max", "max 100000\n"}}, 0);
    check_quota(check, "version 1", {{groups, "4:memory:/other\n3:cpu,cpuacct:/job\n"}, {mounts, v1},
        {top + "cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n"}, {top + "cpu,cpuacct/job/cpu.cfs_period_us", "100000\n"},
        {top + "cpu,cpuacct/cpu.cfs_quota_us", "-1\n"}, {top + "cpu,cpuacct/cpu.cfs_period_us", "100000\n"}}, 2.5);
    check_quota(check, "damaged", {{groups, "0::/job\nnothing\n::\n"}, {mounts, "1 2 3\n - cgroup2 a b\n" + v2},
            {top + "job/cpu.max", "9 0\n"}}, 0);
    check(flash_head_processors() >= 1, "there is no usable processor");
}

// With too little address space for their stacks, threads cannot be started.
static void test_no_threads(checker & check) {
    printf("threads: threads that cannot be started are an error\n");
    struct rlimit before;
    getrlimit(RLIMIT_AS, &before);
    struct rlimit low = before;
    low.rlim_cur = (rlim_t) 4 << 30;
    std::string error;
    if (setrlimit(RLIMIT_AS, &low) == 0) {
        try {
            flash_head_pool_new(4096); // needs 32 GB of stacks
        } catch (const std::runtime_error & e) {
            error = e.what();
        }
        setrlimit(RLIMIT_AS, &before);
    }
    check(error.find("cannot start 4096 threads: ") == 0, "wrong error: %s", error.c_str());
}
#else
static void test_quota(checker &) {}
static void test_no_threads(checker &) {}
#endif

// An exception in a task reaches the caller from any thread, and the pool stays usable.
static void test_thrown(checker & check) {
    printf("threads: exceptions in tasks reach the caller\n");
    const flash_head_pool_ptr pool = flash_head_pool_new(4);
    for (int bad = 0; bad < 64; bad++) {
        bool thrown = false;
        try {
            flash_head_pool_run(pool.get(), 64, [&](int, int64_t task) {
                if (task == bad) {
                    throw std::runtime_error("task");
                }
            });
        } catch (const std::runtime_error &) {
            thrown = true;
        }
        check(thrown, "the exception of task %d is lost", bad);
    }
    std::atomic<int> n = {0};
    flash_head_pool_run(pool.get(), 1000, [&](int, int64_t) { n++; });
    check(n == 1000, "after an exception %d of 1000 tasks are done", n.load());
}

static void test_thread_numbers(checker & check) {
    test_quota(check);
    test_no_threads(check);
    test_thrown(check);
}
