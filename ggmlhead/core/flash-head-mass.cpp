#include "flash-head-mass.h"

#include "flash-head-select.h"

#include <algorithm>
#include <math.h>
#include <string.h>

// Estimates are counted in steps of 1/STEPS nats from the greatest down; what lies below the last step has no mass.
static const int STEPS   = 32;
static const int N_STEPS = 32*STEPS;

// exp(x) for x up to 0, within 3 %: a linear interpolation between powers of two (Schraudolph, A Fast, Compact
// Approximation of the Exponential Function, 1999). Loops over it vectorise. Next to nothing for a NaN, too.
static inline float about_exp(float x) {
    x = x > -80.0f ? x : -80.0f;
    const int32_t bits = (int32_t) (x*12102203.0f) + (127 << 23) - 366393; // 2^23/ln 2; the last evens out the error
    float y;
    memcpy(&y, &bits, sizeof(y));
    return y;
}

flash_head_mass flash_head_mass_of(const float * estimates, int64_t n) {
    enum { LANES = 8 }; // so that loops vectorise
    float most[LANES], sums[LANES] = {};
    std::fill(most, most + LANES, -INFINITY);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            most[l] = estimates[i + l] > most[l] ? estimates[i + l] : most[l];
        }
    }
    for (; i < n; i++) {
        most[0] = std::max(most[0], estimates[i]);
    }
    flash_head_mass mass = { *std::max_element(most, most + LANES), 0.0f };
    for (i = 0; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            sums[l] += about_exp(estimates[i + l] - mass.most);
        }
    }
    for (; i < n; i++) {
        sums[0] += about_exp(estimates[i] - mass.most);
    }
    for (float sum : sums) {
        mass.sum += sum;
    }
    return mass;
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
