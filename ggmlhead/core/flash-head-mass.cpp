#include "flash-head-mass.h"

#include "flash-head-lanes.h"
#include "flash-head-select.h"

#include <algorithm>
#include <math.h>
#include <string.h>

// Estimates are counted in steps of 1/STEPS nats from the greatest down; what lies below the last step has no mass.
static const int STEPS   = 32;
static const int N_STEPS = 32*STEPS;

// exp(x) for x up to 0, within 3 %: a linear interpolation between powers of two (Schraudolph, A Fast, Compact
// Approximation of the Exponential Function, 1999). Next to nothing for a NaN, too.
ALWAYS_INLINE void about_exp(floats & y, const floats & x) {
    floats bounded = floats{} - 80.0f;
    larger(bounded, x);
    ints bits;
    truncate(bits, bounded*12102203.0f);
    bits += (127 << 23) - 366393; // 2^23/ln 2; the last evens out the error
    memcpy((void *) &y, &bits, sizeof(y));
}

ALWAYS_INLINE float about_exp(float x) {
    floats y;
    about_exp(y, floats{} + x);
    float lanes[LANES];
    store(lanes, y);
    return lanes[0];
}

ALWAYS_INLINE flash_head_mass mass_of(const float * estimates, int64_t n) {
    floats most = floats{} - INFINITY, sums = {};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        floats e;
        load(e, estimates + i);
        larger(most, e);
    }
    flash_head_mass mass = { most_of(most), 0.0f };
    for (; i < n; i++) {
        mass.most = std::max(mass.most, estimates[i]);
    }
    for (i = 0; i + LANES <= n; i += LANES) {
        floats e, share;
        load(e, estimates + i);
        about_exp(share, e - mass.most);
        sums += share;
    }
    float lanes[LANES];
    store(lanes, sums);
    for (; i < n; i++) {
        lanes[0] += about_exp(estimates[i] - mass.most);
    }
    for (float sum : lanes) {
        mass.sum += sum;
    }
    return mass;
}

// For AVX2 whatever the compiler targets, as the kernels for codes.
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx2"))) static flash_head_mass mass_of_avx2(const float * estimates, int64_t n) {
    return mass_of(estimates, n);
}
#endif

flash_head_mass flash_head_mass_of(const float * estimates, int64_t n) {
#if defined(__x86_64__) && defined(__GNUC__)
    static const bool has_avx2 = __builtin_cpu_supports("avx2");
    if (has_avx2) {
        return mass_of_avx2(estimates, n);
    }
#endif
    return mass_of(estimates, n);
}

flash_head_mass flash_head_mass_total(const flash_head_mass * blocks, int64_t n) {
    flash_head_mass total = { -INFINITY, 0.0f };
    for (int64_t i = 0; i < n; i++) {
        total.most = std::max(total.most, blocks[i].most);
    }
    for (int64_t i = 0; i < n; i++) {
        total.sum += blocks[i].sum*about_exp(blocks[i].most - total.most);
    }
    return total;
}

float flash_head_least_of_mass(const int32_t * keys, const flash_head_sample & sample, flash_head_mass total,
        float from, float share) {
    int32_t counts[N_STEPS + 1] = {};
    const int32_t least = flash_head_key(from);
    for (int64_t i = 0; i < sample.size; i++) {
        const float below = (total.most - flash_head_score_of_key(keys[i]))*STEPS;
        const int   step  = below < N_STEPS ? (int) below : N_STEPS;
        counts[step] += keys[i] >= least;
    }
    const float allowed = share*total.sum/(float) sample.stride;
    float mass = 0.0f;
    for (int step = N_STEPS; step >= 0; step--) {
        mass += (float) counts[step]*expf(-(float) step/STEPS);
        if (!(mass <= allowed)) {
            return step == N_STEPS ? -INFINITY : total.most - (float) (step + 1)/STEPS;
        }
    }
    return total.most;
}
