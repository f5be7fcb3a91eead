#include "flash-head-pace.h"

#include <algorithm>
#include <math.h>
#include <stdio.h>

static const double  LONGEST_WAIT  = 250e3; // microseconds; or the time of LONGEST_STEPS, if that is longer
static const double  LONGEST_STEPS = 4.0;
static const int64_t FIRST_DENSE   = 4;     // dense steps to know their time, before the first window and later
static const int64_t FIRST_PAUSE   = 8;     // dense steps when windows do not pay: few, as noise may have misled,
static const int64_t FIRST_TRUST   = 512;   // and tokens until dense steps are timed again;
static const int64_t GROWS         = 4;     // so many times as many each time,
static const int64_t LONGEST       = 1024;  // up to this,
static const int64_t LONGEST_ASIDE = 128;   // or this where only proposals beside dense steps were wrong, which cost little
static const int32_t FIRST_WINDOW  = 4;
static const int64_t ASIDES        = 4;     // proposals of a slot beside the last dense steps of a rest,
static const int32_t MORE_WRONG    = 2;     // which is prolonged if so many more are wrong than right
static const size_t  FEW_STEPS     = 12;    // a trial has more, if no proposal is wrong
static const int32_t LIMIT_HOLDS   = 16;    // windows
static const double  MEMORY        = 256.0; // proposals
static const int32_t ALL_WRONG     = 8;     // windows in a row without a right proposal: nothing before them counts
static const double  FREE_ROWS     = 30.0;  // a check of 1 + FREE_ROWS rows takes about twice as long as one of 1 row
static const int32_t LANES         = 8;     // kernels and graphs take more rows than this in multiples of it
static const double  WORTH_IT      = 1.01;  // windows must be faster than dense steps by this

double flash_head_recent_median::value() const {
    double sorted[N_MOST];
    std::copy_n(values, count(), sorted);
    std::nth_element(sorted, sorted + count()/2, sorted + count());
    return empty() ? 0.0 : sorted[count()/2];
}

flash_head_pace::flash_head_pace(int32_t most, int32_t fixed, int32_t n_slots)
    : most(std::max(most/n_slots, 1)), fixed(fixed), n_slots(n_slots), n_rests(FIRST_DENSE) {}

void flash_head_pace::add_step(double us, bool is_dense) {
    (is_dense ? dense : step).add(us);
    if (!is_dense) {
        return;
    }
    n_since = 0;
    if (n_rests > 0 && --n_rests == 0 && n_trust == 0) {
        end_rest();
    }
}

bool flash_head_pace::wants_aside() const {
    return fixed <= 0 && n_trust == 0 && n_rests > 1 && n_rests <= ASIDES + 1 && !asides_are_wrong();
}

void flash_head_pace::add_aside(bool is_right) {
    n_more_wrong += is_right ? -1 : 1;
}

// rows that a check of n takes as long as
static int32_t rows_of(int32_t n) {
    return n <= LANES ? n : (n + LANES - 1)/LANES*LANES;
}

void flash_head_pace::add_check(int32_t n, double us) {
    const double keep = 1.0 - 1.0/16.0;
    n = rows_of(n);
    if (n_checks > 2.0) { // others may have held it up
        us = std::min(us, 1.5*check_time((n + n_slots - 1)/n_slots));
    }
    n_checks = n_checks*keep + 1.0;
    sum_n    = sum_n   *keep + n;
    sum_t    = sum_t   *keep + us;
    sum_nn   = sum_nn  *keep + (double) n*n;
    sum_nt   = sum_nt  *keep + n*us;
}

void flash_head_pace::add_draw(double us) {
    draw.add(us);
}

void flash_head_pace::add_window(int32_t n, int32_t right) {
    if (++n_free > LIMIT_HOLDS) {
        n_limit = most;
    }
    const int32_t wrong = right < n ? 1 : 0; // what follows a wrong one is unknown
    const double  keep  = pow(1.0 - 1.0/MEMORY, right + wrong);
    n_right = n_right*keep + right;
    n_wrong = n_wrong*keep + wrong;
    n_none  = right == 0 && wrong == 1 ? n_none + 1 : 0;
    if (n_none == ALL_WRONG) {
        n_right = 0.0;
    }
    n_since += right + 1;
    // text may turn at once into one that FlashHead does not know
    n_most = wrong == 0 ? std::min(std::max(n_most, 2*(n + 1)), 1024) : 2*(right + 1);
    decide();
}

void flash_head_pace::add_limit(int32_t n) {
    n_limit = std::min(n_limit, std::max(n, 1));
    n_free  = 0;
}

// The line through the measured times; where they are all of about as many rows, it rises as FREE_ROWS says.
double flash_head_pace::check_time(int32_t n) const {
    if (n_checks == 0.0) {
        return 0.0;
    }
    const double n_rows = rows_of(n*n_slots);
    const double mean_n = sum_n/n_checks, mean_t = sum_t/n_checks;
    const double spread = sum_nn/n_checks - mean_n*mean_n;
    const double usual  = mean_t/(mean_n + FREE_ROWS);
    const double slope  = spread > 4.0 ? (sum_nt/n_checks - mean_n*mean_t)/spread : usual;
    return mean_t + std::clamp(slope, 0.0, mean_t/mean_n)*(n_rows - mean_n);
}

// tokens that a window of n rows is expected to give, when each proposal is right with the same probability
double flash_head_pace::tokens_of(int32_t n) const {
    const double p = n_right/std::max(n_right + n_wrong, 1e-9);
    return p < 1.0 ? (1.0 - pow(p, n))/(1.0 - p) : n;
}

// that a window of n rows takes
double flash_head_pace::time_of(int32_t n) const {
    return n*step.value() + check_time(n) + tokens_of(n)*n_slots*draw.value();
}

double flash_head_pace::longest_wait() const {
    return std::max(LONGEST_WAIT, LONGEST_STEPS*step.value());
}

std::string flash_head_pace::text() const {
    char line[120];
    snprintf(line, sizeof(line), "ms of a step %.1f, of a dense step %.1f; next window %d", step.value()/1e3,
            dense.value()/1e3, (int) length());
    return line;
}

// The best length of at most limit. Not 1 if there is a choice, which proposes nothing and so learns nothing.
int32_t flash_head_pace::best(int32_t limit) const {
    const int32_t least = std::min(2, limit);
    int32_t best      = least;
    double  best_rate = 0.0;
    for (int32_t n = least; n <= limit; n++) {
        const double time = time_of(n);
        const double rate = tokens_of(n)/std::max(time, 1.0);
        if (n > least && time > longest_wait()) {
            break;
        }
        if (rate > best_rate) {
            best      = n;
            best_rate = rate;
        }
    }
    return best;
}

int32_t flash_head_pace::length() const {
    if (fixed > 0) {
        return fixed;
    }
    if (dense.empty() || n_rests > 0) {
        return 0;
    }
    return best(std::min(n_limit, n_most));
}

bool flash_head_pace::asides_are_wrong() const {
    return n_more_wrong >= MORE_WRONG*n_slots;
}

void flash_head_pace::end_rest() {
    if (asides_are_wrong()) {
        rest_longer(LONGEST_ASIDE);
    } else {
        begin_trial();
    }
}

// As if some proposals had been right, so that a few wrong ones end a trial that does not pay; where nearly all were, it
// was time that ended windows, and they count on.
void flash_head_pace::begin_trial() {
    step    = {};
    n_most  = FIRST_WINDOW;
    n_limit = most;
    if (n_right <= 64.0*n_wrong) {
        n_right = 4.0;
        n_wrong = 0.0625;
    }
}

// Rests if dense steps are faster than windows of the best length, even if such were not tried yet.
void flash_head_pace::decide() {
    if (fixed > 0 || dense.empty() || step.empty() || n_rests > 0 || (n_wrong < 1.0 && step.count() < FEW_STEPS)) {
        return;
    }
    const int32_t n = best(n_limit);
    if (tokens_of(n)*dense.value() < WORTH_IT*time_of(n)) {
        n_trust = 0;
        rest_longer(LONGEST);
    } else if (n_right > MEMORY/4) {
        n_pause = 0;
        n_trust = std::max(n_trust, FIRST_TRUST);
        if (n_since > n_trust) {
            n_trust = std::min(GROWS*n_trust, LONGEST);
            rest(FIRST_DENSE);
        }
    }
}

// rests for longer than the last time, but not for more steps than longest
void flash_head_pace::rest_longer(int64_t longest) {
    n_pause = n_pause == 0 ? FIRST_PAUSE : std::min(GROWS*n_pause, longest);
    rest(n_pause);
}

// the next n steps are dense, and timed anew
void flash_head_pace::rest(int64_t n) {
    n_rests      = n;
    n_more_wrong = 0;
    dense        = {};
}
