#pragma once

// What clusters are ranked by, as in core/flash-head-select.h, and the noise that draws them, as in
// core/flash-head-draw.h.

// Looks at the bits alone: the compiler may take it that no number is NaN, and that -0 is 0.
static inline int flash_head_key(float score) {
    const uint bits = as_type<uint>(score);
    const uint size = bits & 0x7fffffff;
    if (size > 0x7f800000) {
        return FLASH_HEAD_METAL_NAN_KEY;
    }
    if (size == 0) {
        return 0;
    }
    return int(size == bits ? bits : ~size);
}

// threshold: the key and the number of the worst that is selected
static inline bool flash_head_selected(int2 threshold, int key, int index) {
    return key > threshold.x || (key == threshold.x && index <= threshold.y);
}

static inline ulong flash_head_mix(ulong z) {
    z += 0x9e3779b97f4a7c15UL;
    z = (z ^ (z >> 30))*0xbf58476d1ce4e5b9UL;
    z = (z ^ (z >> 27))*0x94d049bb133111ebUL;
    return z ^ (z >> 31);
}

// -log(1 - t) for 0 < t <= 1/2, which is 2 atanh(s) for s = t/(2 - t), at most 1/3: 8 terms of its series have all
//  digits of a float.
// The logarithm of 1 - t itself would lose those of a small t.
static inline float flash_head_minus_log_1m(float t) {
    const float s = t/(2.0f - t);
    const float q = s*s;
    return 2.0f*s*(1.0f + q*(1.0f/3 + q*(1.0f/5 + q*(1.0f/7 + q*(1.0f/9 + q*(1.0f/11 + q*(1.0f/13 + q*(1.0f/15))))))));
}

// The Gumbel variate -log(-log(u)) of u = (n + 1/2)/2^52 for a number n of 52 bits. There is no double here, so where u
// is near 1, 1 - u = (2^52 - 1 - n + 1/2)/2^52 is what a float holds.
static inline float flash_head_gumbel_of(ulong n) {
    const ulong last = (1UL << 52) - 1;
    const bool  high = n > last/2;
    const float near = (float(high ? last - n : n) + 0.5f)*2.220446049250313e-16f; // u, or 1 - u: at most 1/2
    const float e    = high ? flash_head_minus_log_1m(near) : -precise::log(near);
    return -precise::log(e);
}

// that of item i
static inline float flash_head_gumbel(ulong stream, int i) {
    return flash_head_gumbel_of(flash_head_mix(stream ^ flash_head_mix(ulong(i))) >> 12);
}
