#pragma once

// CUDA's language and its runtime, as far as ggml's common.cuh, its dot products and our kernels need them, for a C++
// compiler on a CPU: threads are those of lanes.h, device memory is the host's. What only has to compile is declared
// and not defined.

#include "../../lanes/lanes.h"

#include <algorithm>
#include <cmath>
#include <cfloat>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>

#define CUDART_VERSION 11000 // before programmatic dependent launches

#define __host__
#define __device__
#define __global__
#define __shared__ static // blocks run one after the other
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __builtin_align__(n) __attribute__((aligned(n)))

struct dim3  { unsigned x, y, z; dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {} };
struct uint2 { unsigned x, y; };
struct uint3 { unsigned x, y, z; };
struct int2  { int x, y; };
struct int4  { int x, y, z, w; };
struct float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };

inline int2   make_int2  (int x, int y)                  { return { x, y }; }
inline uint2  make_uint2 (unsigned x, unsigned y)        { return { x, y }; }
inline uint3  make_uint3 (unsigned x, unsigned y, unsigned z) { return { x, y, z }; }
inline float2 make_float2(float x, float y)              { return { x, y }; }

// --- positions, barriers, exchange

inline uint3 standin_index(const lanes_dim & d) { return { d.x, d.y, d.z }; }

#define threadIdx standin_index(lanes_here().thread)
#define blockIdx  standin_index(lanes_here().block)
#define blockDim  standin_index(lanes_here().block_size)
#define gridDim   standin_index(lanes_here().grid_size)

inline void __syncthreads() { lanes_block_barrier(); }
inline void __syncwarp()    { lanes_warp_barrier(); }

template <typename T> T __shfl_xor_sync(unsigned, T value, int mask, int width = 32) {
    const int lane = lanes_here().lane;
    return lanes_from(value, lane/width*width + (lane % width ^ mask));
}
template <typename T> T __shfl_up_sync(unsigned, T value, int delta, int width = 32) {
    const int lane = lanes_here().lane;
    return lanes_from(value, lane % width < delta ? lane : lane - delta);
}
inline int __all_sync(unsigned, int yes) { return lanes_ballot(!yes) == 0; }
inline int __any_sync(unsigned, int yes) { return lanes_ballot(yes)  != 0; }

// no other thread runs between reading and writing
template <typename T> T atomicAdd(T * p, T value) {
    const T old = *p;
    *p = old + value;
    return old;
}
template <typename T> T atomicMax(T * p, T value) {
    const T old = *p;
    *p = std::max(old, value);
    return old;
}

// --- numbers

using std::max;
using std::min;

inline float __uint_as_float(unsigned bits) {
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

[[noreturn]] inline void __trap() { abort(); }

inline int      __popc  (unsigned x)             { return __builtin_popcount(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned) ((uint64_t) a*b >> 32); }

// byte i is the one of a (0 .. 3) and b (4 .. 7) that the low three bits of the i-th half byte of selector name
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
    const uint64_t bytes = (uint64_t) b << 32 | a;
    unsigned out = 0;
    for (int i = 0; i < 4; i++) {
        out |= (unsigned) (bytes >> 8*(selector >> 4*i & 7) & 255) << 8*i;
    }
    return out;
}

template <typename F> unsigned standin_bytes(unsigned a, unsigned b, const F & f) {
    unsigned out = 0;
    for (int i = 0; i < 4; i++) {
        out |= (unsigned) (uint8_t) f((int8_t) (a >> 8*i), (int8_t) (b >> 8*i)) << 8*i;
    }
    return out;
}
inline unsigned __vsub4  (unsigned a, unsigned b) { return standin_bytes(a, b, [](int x, int y) { return x - y; }); }
inline unsigned __vcmpne4(unsigned a, unsigned b) { return standin_bytes(a, b,
        [](int x, int y) { return x != y ? 255 : 0; }); }
inline unsigned __vcmpeq4(unsigned a, unsigned b) { return standin_bytes(a, b,
        [](int x, int y) { return x == y ? 255 : 0; }); }
inline unsigned __vsubss4(unsigned a, unsigned b) {
    return standin_bytes(a, b, [](int x, int y) { return std::min(std::max(x - y, -128), 127); });
}

// --- the runtime

typedef int    cudaError_t;
typedef void * cudaStream_t;
typedef void * cudaEvent_t;
typedef int    cudaDataType_t;

const cudaError_t cudaSuccess = 0;

inline const char * cudaGetErrorString(cudaError_t) { return "error"; }
inline cudaError_t  cudaGetLastError()              { return cudaSuccess; }

enum { cudaStreamNonBlocking, cudaEventDisableTiming };
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t * stream, int) { *stream = nullptr; return cudaSuccess; }
inline cudaError_t cudaEventCreateWithFlags (cudaEvent_t  * event,  int) { *event  = nullptr; return cudaSuccess; }
inline cudaError_t cudaEventDestroy         (cudaEvent_t)                { return cudaSuccess; }

// kernel<<<blocks, threads, 0, stream>>>(args...): no kernel here has dynamic shared memory
void standin_launch(dim3 blocks, dim3 threads, const std::function<void()> & body);

template <typename Kernel, typename... Args>
void standin_launch_kernel(Kernel kernel, dim3 blocks, dim3 threads, size_t, cudaStream_t, Args... args) {
    standin_launch(blocks, threads, [&] { kernel(args...); });
}
