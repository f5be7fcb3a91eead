#include "flash-head-project.h"

#include <string.h>

#if defined(__GNUC__)

#define ALWAYS_INLINE static inline __attribute__((always_inline))

// vectors of 8 and 16 factors; the compiler maps them to one or more registers
typedef float factors_8  __attribute__((vector_size(8*sizeof(float))));
typedef float factors_16 __attribute__((vector_size(16*sizeof(float))));

// N rows and the next T of directions
template <typename T, int N>
ALWAYS_INLINE void project_tile(const float * rows, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    T sums[N] = {};
    for (int64_t i = 0; i < n_embd; i++) {
        T d;
        memcpy(&d, directions + i*rank, sizeof(d));
#pragma GCC unroll 8
        for (int r = 0; r < N; r++) {
            sums[r] += rows[r*n_embd + i]*d;
        }
    }
    for (int r = 0; r < N; r++) {
        memcpy(out + r*rank, &sums[r], sizeof(T));
    }
}

template <int N>
ALWAYS_INLINE void project_rows(const float * rows, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    int32_t j = 0;
    for (; j + 16 <= rank; j += 16) {
        project_tile<factors_16, N>(rows, n_embd, directions + j, rank, out + j);
    }
    for (; j < rank; j += 8) {
        project_tile<factors_8, N>(rows, n_embd, directions + j, rank, out + j);
    }
}

ALWAYS_INLINE void project(const float * rows, int32_t n, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    int32_t r = 0;
    for (; r + 8 <= n; r += 8) {
        project_rows<8>(rows + r*n_embd, n_embd, directions, rank, out + r*rank);
    }
    for (; r < n; r++) {
        project_rows<1>(rows + r*n_embd, n_embd, directions, rank, out + r*rank);
    }
}

static void project_plain(const float * rows, int32_t n, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    project(rows, n, n_embd, directions, rank, out);
}

#else

static void project_plain(const float * rows, int32_t n, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    memset(out, 0, n*rank*sizeof(float));
    for (int32_t r = 0; r < n; r++) {
        for (int64_t i = 0; i < n_embd; i++) {
            for (int32_t j = 0; j < rank; j++) {
                out[r*rank + j] += rows[r*n_embd + i]*directions[i*rank + j];
            }
        }
    }
}

#endif

typedef void (*project_t)(const float * rows, int32_t n, int64_t n_embd, const float * directions, int32_t rank,
        float * out);

#if defined(__x86_64__) && defined(__GNUC__)
// The same for newer CPUs, chosen at run time.
__attribute__((target("avx2,fma")))
static void project_avx2(const float * rows, int32_t n, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    project(rows, n, n_embd, directions, rank, out);
}

__attribute__((target("avx512f,fma")))
static void project_avx512(const float * rows, int32_t n, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    project(rows, n, n_embd, directions, rank, out);
}

static project_t best_project() {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma")) {
        return project_avx512;
    }
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? project_avx2 : project_plain;
}
#else
static project_t best_project() {
    return project_plain;
}
#endif

void flash_head_project(const float * rows, int32_t n, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    static const project_t best = best_project();
    best(rows, n, n_embd, directions, rank, out);
}
