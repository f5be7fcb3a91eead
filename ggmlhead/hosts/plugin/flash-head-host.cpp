#include "flash-head-host.h"

#include "flash-head-host-check.h"
#include "ggml-backend-impl.h"

#include <dlfcn.h>
#include <string.h>

// the symbol called name in the library that address lies in, or nullptr
static void * symbol_beside(const void * address, const char * name) {
    Dl_info info;
    if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) {
        return nullptr;
    }
    void * library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr) {
        return nullptr; // compiled into the program
    }
    void * symbol = dlsym(library, name);
    dlclose(library); // the host keeps it
    return symbol;
}

bool flash_head_host_is_patched() {
    return symbol_beside((const void *) ggml_nbytes, "ggml_flash_head") != nullptr;
}

// The host's threads.
//
// The host's threads spin between two splits of a graph, so threads of our own would compete with them for processors.
// That costs more than the head. The host hands its thread pool to its CPU backend just before each graph, through a
// function that it looks up by name. We return our own function, which records the pool and calls the original. If a
// host does not look it up by name, ggml starts threads for each head.

static decltype(ggml_backend_reg_i::get_proc_address) cpu_get_proc_address = nullptr;
static decltype(ggml_backend_cpu_set_threadpool)    * cpu_set_threadpool   = nullptr;
static thread_local ggml_threadpool_t                 current_threads      = nullptr;

static void note_threadpool(ggml_backend_t backend, ggml_threadpool_t threads) {
    current_threads = threads;
    cpu_set_threadpool(backend, threads);
}

static void * get_proc_address(ggml_backend_reg_t reg, const char * name) {
    if (strcmp(name, "ggml_backend_cpu_set_threadpool") == 0) {
        return (void *) note_threadpool;
    }
    return cpu_get_proc_address(reg, name);
}

static void watch_threads(ggml_backend_reg_t cpu) {
    cpu_get_proc_address = cpu->iface.get_proc_address;
    cpu_set_threadpool   = (decltype(cpu_set_threadpool)) cpu_get_proc_address(cpu, "ggml_backend_cpu_set_threadpool");
    if (cpu_set_threadpool != nullptr) {
        cpu->iface.get_proc_address = get_proc_address;
    }
}

void flash_head_host_watch_threads() {
    static const bool once = (watch_threads(ggml_backend_dev_backend_reg(flash_head_host_get().cpu)), true);
    (void) once;
}

ggml_threadpool_t flash_head_host_threads() {
    return current_threads;
}

template <typename F> static bool find_beside(const void * address, const char * name, F *& function) {
    function = (F *) symbol_beside(address, name);
    return function != nullptr;
}

static flash_head_host examine() {
    flash_head_host host;
    host.cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    if (host.cpu == nullptr) {
        host.problem = "no CPU backend is loaded";
        return host;
    }
    const void * address = (const void *) host.cpu->iface.get_name; // lies in that library
    if (!find_beside(address, "ggml_get_type_traits_cpu", host.get_type_traits) ||
        !find_beside(address, "ggml_graph_plan",          host.graph_plan) ||
        !find_beside(address, "ggml_graph_compute",       host.graph_compute)) {
        host.problem = "the CPU backend of this runtime is not a library of its own";
        return host;
    }
    const std::string difference = flash_head_host_difference(host);
    if (!difference.empty()) {
        host.problem = "this runtime's ggml " + std::string(ggml_version()) + " (commit " + ggml_commit()
                + ") has other "
            + difference + " than the one that the plug-in was built for; update fh-ollama";
    }
    return host;
}

const flash_head_host & flash_head_host_get() {
    static const flash_head_host host = examine();
    return host;
}
