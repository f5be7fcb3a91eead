#pragma once

// 16-bit floats, with conversions only.

#include "cuda_runtime.h"

struct half {
    uint16_t bits;

    operator float() const {
        // exponent and fraction at a float's positions; the bias of its exponent is larger by 112
        const uint32_t size = (uint32_t) (bits & 0x7fff) << 13;
        const float    f    = (bits & 0x7c00) == 0x7c00 ? (bits & 0x3ff ? NAN : INFINITY)
                : __uint_as_float(size)*0x1p112f;
        return bits & 0x8000 ? -f : f;
    }
};
struct half2 { half x, y; };
typedef half  __half;
typedef half2 __half2;

inline half __ushort_as_half(uint16_t bits) { return { bits }; }

// Rounds to nearest even.
inline half __float2half(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    const uint16_t sign = bits >> 16 & 0x8000;
    const float    size = fabsf(f);
    if (f != f || size >= 65520.0f) {
        return { (uint16_t) (sign | (f != f ? 0x7e00 : 0x7c00)) };
    }
    int exponent;
    frexpf(size, &exponent);
    const float step = ldexpf(1.0f, std::max(exponent, -13) - 11); // distance of neighbouring halves
    const float near = nearbyintf(size/step)*step;
    const float shifted = near*0x1p-112f;
    uint32_t    out;
    memcpy(&out, &shifted, sizeof(out));
    return { (uint16_t) (sign | out >> 13) };
}

inline float  __half2float   (half h)           { return h; }
inline half2  make_half2     (float x, float y) { return { __float2half(x), __float2half(y) }; }
inline float2 __half22float2 (half2 h)          { return { h.x, h.y }; }
inline float  __low2float    (half2 h)          { return h.x; }
inline float  __high2float   (half2 h)          { return h.y; }
inline half   __low2half     (half2 h)          { return h.x; }
inline half   __high2half    (half2 h)          { return h.y; }
