#include "flash-head-project.h"

#include <string.h>

#if defined(__GNUC__)

#define ALWAYS_INLINE static inline __attribute__((always_inline))

// The vectors of each instruction set: the compiler keeps wider ones than its registers in memory.
typedef float floats_4  __attribute__((vector_size(4*sizeof(float))));
typedef float floats_8  __attribute__((vector_size(8*sizeof(float))));
typedef float floats_16 __attribute__((vector_size(16*sizeof(float))));

// Products of N rows with the next M vectors of directions. N*M sums, M directions and a factor fit in 16 registers.
template <typename T, int N, int M>
ALWAYS_INLINE void project_tile(const float * rows, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    const int32_t width = sizeof(T)/sizeof(float);
    T sums[N][M] = {};
    for (int64_t i = 0; i < n_embd; i++) {
        T d[M];
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
            memcpy(&d[m], directions + i*rank + m*width, sizeof(T));
        }
#pragma GCC unroll 8
        for (int r = 0; r < N; r++) {
#pragma GCC unroll 8
            for (int m = 0; m < M; m++) {
                sums[r][m] += rows[r*n_embd + i]*d[m];
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < N; r++) {
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
            memcpy(out + r*rank + m*width, &sums[r][m], sizeof(T));
        }
    }
}

template <typename T, int N>
ALWAYS_INLINE void project_rows(const float * rows, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    const int32_t width = sizeof(T)/sizeof(float);
    int32_t j = 0;
    for (; j + 3*width <= rank; j += 3*width) {
        project_tile<T, N, 3>(rows, n_embd, directions + j, rank, out + j);
    }
    for (; j + width <= rank; j += width) {
        project_tile<T, N, 1>(rows, n_embd, directions + j, rank, out + j);
    }
    for (; width > 8 && j < rank; j += 8) { // a rank that is no multiple of 16
        project_tile<floats_8, N, 1>(rows, n_embd, directions + j, rank, out + j);
    }
}

template <typename T>
ALWAYS_INLINE void project(const float * rows, int32_t n, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    int32_t r = 0;
    for (; r + 4 <= n; r += 4) {
        project_rows<T, 4>(rows + r*n_embd, n_embd, directions, rank, out + r*rank);
    }
    for (; r < n; r++) {
        project_rows<T, 1>(rows + r*n_embd, n_embd, directions, rank, out + r*rank);
    }
}

static void project_plain(const float * rows, int32_t n, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    project<floats_4>(rows, n, n_embd, directions, rank, out);
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
    project<floats_8>(rows, n, n_embd, directions, rank, out);
}

__attribute__((target("avx512f,fma")))
static void project_avx512(const float * rows, int32_t n, int64_t n_embd, const float * directions, int32_t rank,
        float * out) {
    project<floats_16>(rows, n, n_embd, directions, rank, out);
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
