#include "metal-kernels.h"

#include <stdio.h>
#include <stdlib.h>

#include <tuple>
#include <utility>

static std::map<std::string, metal_kernel> & registry() {
    static std::map<std::string, metal_kernel> kernels;
    return kernels;
}

const std::map<std::string, metal_kernel> & metal_kernels() {
    return registry();
}

const std::map<int, int> * metal_constants;

#include <metal_stdlib>

int metal_function_constant_value(int index) {
    const auto found = metal_constants->find(index);
    if (found == metal_constants->end()) {
        fprintf(stderr, "metal: a kernel reads function constant %d, which its pipeline has not set\n", index);
        abort();
    }
    return found->second;
}

// The value of a kernel's parameter: pointers and references are buffers, other types know their own value.
template <typename P> struct parameter {
    static const bool is_buffer = false;
    static P get(void *) { return {}; }
};
template <typename T> struct parameter<T *> {
    static const bool is_buffer = true;
    static T * get(void * buffer) { return (T *) buffer; }
};
template <typename T> struct parameter<T &> {
    static const bool is_buffer = true;
    static T & get(void * buffer) { return *(T *) buffer; }
};

// Buffers have the indices 0, 1, ... in the order of the parameters, as in Metal.
template <typename... P, size_t... I>
static metal_kernel make_kernel(void (*f)(P...), std::index_sequence<I...>) {
    const bool is_buffer[] = { parameter<P>::is_buffer... };
    std::vector<size_t> index;
    size_t n_buffers = 0;
    for (bool is : is_buffer) {
        index.push_back(n_buffers);
        n_buffers += is;
    }
    const bool shared = (std::is_same<P, metal_threadgroup_memory>::value || ...);
    return { [f, index](const metal_bindings & b) {
        f(parameter<P>::get(parameter<P>::is_buffer ? b[index[I]] : nullptr)...);
    }, n_buffers, shared };
}

struct registration {
    template <typename... P> registration(const char * name, void (*f)(P...)) {
        registry()[name] = make_kernel(f, std::index_sequence_for<P...>());
    }
};

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define METAL_KERNEL(name, ...) static const registration JOIN(registered_, __COUNTER__)(name, __VA_ARGS__);

#include "flash_head.cpp-source"

// kernels that are not templates have no host_name
METAL_KERNEL("kernel_flash_head_stream", kernel_flash_head_stream)
METAL_KERNEL("kernel_flash_head_select", kernel_flash_head_select)
METAL_KERNEL("kernel_flash_head_project",  kernel_flash_head_project)
METAL_KERNEL("kernel_flash_head_prepare",  kernel_flash_head_prepare)
METAL_KERNEL("kernel_flash_head_estimate", kernel_flash_head_estimate)
METAL_KERNEL("kernel_flash_head_count",    kernel_flash_head_count)
METAL_KERNEL("kernel_flash_head_best",     kernel_flash_head_best)
METAL_KERNEL("kernel_flash_head_refine",   kernel_flash_head_refine)

float metal_gumbel_of(uint64_t n) {
    return flash_head_gumbel_of(n);
}
