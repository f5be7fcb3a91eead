#include "divergence.h"

#include <algorithm>
#include <cmath>
#include <cstring>

static const int64_t PIECE = 512; // tokens
static const int     LANES = 8;   // independent sums, so that loops vectorise

// exp of x in -87..0, within a few ULP. A loop over it vectorises; one over exp does not.
static inline float exp_of(float x) {
    const float magic = 12582912.0f; // 1.5*2^23: adding it rounds to an integer, which the lowest bits then hold
    const float moved = x*1.44269504f + magic;
    const float n     = moved - magic;
    const float r     = (x - n*0.693359375f) + n*2.12194440e-4f; // ln 2 in two parts
    float p = 1.9875691500e-4f;
    p = p*r + 1.3981999507e-3f;
    p = p*r + 8.3334519073e-3f;
    p = p*r + 4.1665795894e-2f;
    p = p*r + 1.6666665459e-1f;
    p = p*r + 5.0000001201e-1f;
    p = p*r*r + r + 1.0f;
    uint32_t bits, power;
    memcpy(&bits,  &p,     sizeof(bits));
    memcpy(&power, &moved, sizeof(power));
    bits += power << 23;
    memcpy(&p, &bits, sizeof(p));
    return p;
}

// out = exp(x - shift) for n values x <= shift. In two loops, because one with the limit would not vectorise.
static void exps_of(const float * x, float shift, int64_t n, float * out) {
    const float least = -87.0f; // near the least normal float
    for (int64_t i = 0; i < n; i++) {
        const float below = x[i] - shift;
        out[i] = below < least ? least : below;
    }
    for (int64_t i = 0; i < n; i++) {
        out[i] = exp_of(out[i]);
    }
}

static float greatest(const float * x, int64_t n) {
    float lanes[LANES];
    std::fill(lanes, lanes + LANES, x[0]);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            lanes[l] = x[i + l] > lanes[l] ? x[i + l] : lanes[l];
        }
    }
    for (; i < n; i++) {
        lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
    }
    return *std::max_element(lanes, lanes + LANES);
}

static double sum_of(const float * x, int64_t n) {
    float lanes[LANES] = { 0 };
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            lanes[l] += x[i + l];
        }
    }
    for (; i < n; i++) {
        lanes[0] += x[i];
    }
    double sum = 0.0;
    for (float lane : lanes) {
        sum += lane;
    }
    return sum;
}

// Rescales sums to the larger of max and a piece's maximum. Before the first piece sums are zero. Returns whether the
// piece's is larger.
static bool raise_max(double piece_max, bool first, double * max, double * sum, double * gaps) {
    if (!first && !(piece_max > *max)) {
        return false;
    }
    const double scale = first ? 0.0 : std::exp(*max - piece_max);
    *sum  *= scale;
    *gaps *= scale;
    *max   = piece_max;
    return true;
}

static void add_piece(flash_head_divergence & d, const float * dense, const float * estimates, int64_t n, float exact,
        uint32_t first) {
    float others[PIECE] = {}, weights[PIECE] = {}, gaps[PIECE] = {};
    for (int64_t i = 0; i < n; i++) {
        const float logit = dense[i], estimate = estimates[i]; // both are read: a branch would not vectorise
        others[i] = estimate == exact ? logit : estimate;
    }
    const float other_max = greatest(others, n);
    double      none      = 0.0;
    const float dense_max = greatest(dense, n);
    if (raise_max(dense_max, first == 0, &d.dense_max, &d.dense_sum, &d.gaps)) {
        d.dense_best = first + (uint32_t) (std::find(dense, dense + n, dense_max) - dense);
    }
    if (raise_max(other_max, first == 0, &d.other_max, &d.other_sum, &none)) {
        d.best = first + (uint32_t) (std::find(others, others + n, other_max) - others);
    }
    exps_of(dense, (float) d.dense_max, n, weights);
    for (int64_t i = 0; i < n; i++) {
        gaps[i] = weights[i]*(dense[i] - others[i]);
    }
    d.dense_sum += sum_of(weights, n);
    d.gaps      += sum_of(gaps, n);
    exps_of(others, (float) d.other_max, n, weights);
    d.other_sum += sum_of(weights, n);
}

void flash_head_divergence::add(const float * dense, const float * estimates, int64_t n, float exact, uint32_t first) {
    for (int64_t i = 0; i < n; i += PIECE) {
        add_piece(*this, dense + i, estimates + i, std::min(PIECE, n - i), exact, first + (uint32_t) i);
    }
}

double flash_head_divergence::value() const {
    const double kld = gaps/dense_sum + (other_max - dense_max) + std::log(other_sum/dense_sum);
    return std::max(kld, 0.0); // rounding
}
