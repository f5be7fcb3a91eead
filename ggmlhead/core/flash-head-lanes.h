#pragma once

// Vectors of eight numbers, which compilers lay out for the instruction set of the function that uses them. Arguments
// are references, because functions of different instruction sets pass vectors differently.

#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE static inline
#endif

static const int LANES = 8;

#if defined(__GNUC__)

typedef float   floats __attribute__((vector_size(LANES*sizeof(float))));
typedef int32_t ints   __attribute__((vector_size(LANES*sizeof(int32_t))));

// Convert eight integers.
ALWAYS_INLINE void convert(floats & to, const ints & from) { to = __builtin_convertvector(from, floats); }
template <typename T> ALWAYS_INLINE void convert(floats & to, const T * from) {
    typedef T eight __attribute__((vector_size(LANES*sizeof(T))));
    eight values;
    memcpy(&values, from, sizeof(values));
    to = __builtin_convertvector(__builtin_convertvector(values, ints), floats);
}

ALWAYS_INLINE void truncate(ints & to, const floats & from) { to = __builtin_convertvector(from, ints); }

// NaN is not larger than any number.
ALWAYS_INLINE void larger(floats & a, const floats & b) { a = b > a ? b : a; }

// Bounds values to 0 .. most. NaN becomes 0.
ALWAYS_INLINE void bound(floats & values, const floats & most) {
    values = values > 0.0f ? values : floats{};
    values = values < most ? values : most;
}

#else

template <typename T> struct eight {
    T lane[LANES];

    eight() : lane() {}
    eight(T value) { for (T & l : lane) { l = value; } }

    eight & operator+=(const eight & o) { for (int i = 0; i < LANES; i++) { lane[i] += o.lane[i]; } return *this; }
    eight & operator-=(const eight & o) { for (int i = 0; i < LANES; i++) { lane[i] -= o.lane[i]; } return *this; }
    eight & operator*=(const eight & o) { for (int i = 0; i < LANES; i++) { lane[i] *= o.lane[i]; } return *this; }
    friend eight operator+(eight a, const eight & b) { return a += b; }
    friend eight operator-(eight a, const eight & b) { return a -= b; }
    friend eight operator*(eight a, const eight & b) { return a *= b; }
    friend eight operator<<(eight a, int n) { for (T & l : a.lane) { l = (T) (l << n); } return a; }
};
typedef eight<float>   floats;
typedef eight<int32_t> ints;

template <typename T> ALWAYS_INLINE void convert(floats & to, const T * from) {
    for (int i = 0; i < LANES; i++) { to.lane[i] = (float) from[i]; }
}
ALWAYS_INLINE void convert(floats & to, const ints & from) { convert(to, from.lane); }
ALWAYS_INLINE void truncate(ints & to, const floats & from) {
    for (int i = 0; i < LANES; i++) { to.lane[i] = (int32_t) from.lane[i]; }
}
ALWAYS_INLINE void larger(floats & a, const floats & b) {
    for (int i = 0; i < LANES; i++) { a.lane[i] = b.lane[i] > a.lane[i] ? b.lane[i] : a.lane[i]; }
}
ALWAYS_INLINE void bound(floats & values, const floats & most) {
    for (int i = 0; i < LANES; i++) {
        const float least = values.lane[i] > 0.0f ? values.lane[i] : 0.0f;
        values.lane[i] = least < most.lane[i] ? least : most.lane[i];
    }
}

#endif

ALWAYS_INLINE void load(floats & to, const float   * from) { memcpy((void *) &to, from, sizeof(to)); }
ALWAYS_INLINE void load(ints   & to, const int32_t * from) { memcpy((void *) &to, from, sizeof(to)); }
ALWAYS_INLINE void store(float   * to, const floats & from) { memcpy(to, &from, sizeof(from)); }
ALWAYS_INLINE void store(int32_t * to, const ints   & from) { memcpy(to, &from, sizeof(from)); }

ALWAYS_INLINE double sum_of(const floats & values) {
    float lanes[LANES];
    store(lanes, values);
    double sum = 0.0;
    for (float lane : lanes) {
        sum += lane;
    }
    return sum;
}

ALWAYS_INLINE float most_of(const floats & values) {
    float lanes[LANES], most;
    store(lanes, values);
    most = lanes[0];
    for (float lane : lanes) {
        most = lane > most ? lane : most;
    }
    return most;
}
