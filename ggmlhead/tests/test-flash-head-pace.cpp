// Test of the length of windows: a simulated server, whose steps and checks take known times and whose proposals are
// right with a known probability, must generate nearly as fast as with the best fixed choice.

#include "check.h"
#include "flash-head-pace.h"

#include <algorithm>
#include <random>
#include <stdlib.h>

static checker check;

static const int MOST = 32;

// Times are in microseconds, those of a check a line over its rows.
struct machine {
    const char * name;
    double step, dense;
    double check_0, check_row;
    double right; // probability that a proposal is
    int    n_slots = 1;
    int    limit   = MOST;      // of a window, by the cache
    double slower  = 1.0;       // times are up to so many times as long while others use the processor,
    int    n_slow  = 40;        // as they do for so many steps,
    double hiccups = 0.0;       // and with this probability twice to five times as long
    double draw    = 0.0;       // the time of drawing a token again
    double aside   = 0.1;       // the time of a proposal beside a dense step, in dense steps

    double check_time(int n) const { return check_0 + n*n_slots*check_row; }
};

// How much longer everything takes just now: a machine that others use is slow for a while, and then less so. The same
// for every run of a machine, so that runs can be compared.
class slowness {
public:
    explicit slowness(const machine & m) : factor(1.0, m.slower), length(1.0/(m.n_slow*m.step)) {}

    double at(double time) {
        while (time >= end) {
            now  = factor(rng);
            end += length(rng);
        }
        return now;
    }

private:
    std::mt19937 rng{3};
    std::uniform_real_distribution<double> factor;
    std::exponential_distribution<double>  length;
    double now = 1.0, end = 0.0;
};

struct pace_run {
    double rate;         // tokens per microsecond
    double longest_wait; // from a token's step to the end of its check
};

// Generates for as long as n dense steps take, as flash_head_windows does: a window of length 0 is a dense step.
static pace_run generate(const machine & m, int64_t n, int fixed, flash_head_pace & pace, std::mt19937 & rng) {
    std::uniform_real_distribution<double> about(0.9, 1.1), hiccup(2.0, 5.0), uniform;
    slowness slow(m);
    const auto noise = [&](double time) {
        return slow.at(time)*about(rng)*(uniform(rng) < m.hiccups ? hiccup(rng) : 1.0);
    };
    pace_run run = {};
    double   time = 0;
    int64_t  tokens = 0;
    while (time < n*m.dense) {
        int length = fixed >= 0 ? fixed : pace.length();
        if (length > m.limit) {
            length = m.limit;
            pace.add_limit(length);
        }
        if (length == 0) {
            const double step = m.dense*noise(time);
            const bool aside = pace.wants_aside();
            pace.add_step(step, true);
            for (int i = 0; aside && i < m.n_slots; i++) {
                pace.add_aside(uniform(rng) < m.right);
                time += m.aside*m.dense;
            }
            time += step;
            tokens++;
            continue;
        }
        double waited = 0;
        int right = 0; // of the length - 1 proposals that have a row after them
        bool wrong = false;
        for (int i = 0; i < length; i++) {
            const double step = m.step*noise(time + waited);
            pace.add_step(step, false);
            waited += step;
            wrong = wrong || (i > 0 && uniform(rng) >= m.right);
            right += i > 0 && !wrong;
        }
        const double us = m.check_time(length)*noise(time + waited);
        pace.add_check(length*m.n_slots, us);
        waited += us;
        for (int i = 0; i < m.n_slots*(right + 1); i++) {
            const double draw = m.draw*noise(time + waited);
            pace.add_draw(draw);
            waited += draw;
        }
        pace.add_window(length - 1, right);
        time   += waited;
        tokens += right + 1;
        run.longest_wait = std::max(run.longest_wait, waited);
    }
    run.rate = (double) tokens/time;
    return run;
}

// tokens per microsecond with windows of n, or dense steps for 0
static double rate_of(const machine & m, int n) {
    flash_head_pace ignored(MOST);
    std::mt19937 rng(1);
    return generate(m, 20000, n, ignored, rng).rate;
}

static double best_fixed(const machine & m, double longest_wait) {
    double best = 0;
    for (int n = 0; n <= MOST/m.n_slots; n++) {
        if (n > 1 && n*(m.step + m.n_slots*m.draw) + m.check_time(n) > longest_wait) { break; }
        best = std::max(best, rate_of(m, n));
    }
    return best;
}

int main() {
    const machine machines[] = {
        { "Gemma with VNNI",        10e3,  24e3,  12e3,  0.5e3, 1.0  },
        { "some proposals wrong",   10e3,  24e3,  12e3,  0.5e3, 0.95 },
        { "half of them wrong",     10e3,  24e3,  12e3,  0.5e3, 0.5  },
        { "all of them wrong",      10e3,  24e3,  15e3,  0.5e3, 0.0  },
        { "slow checks",            10e3,  24e3,  15e3,  6e3,   1.0  },
        { "a head that is nothing", 20e3,  20.5e3, 1e3,  0.2e3, 1.0  },
        { "a slow model",          300e3, 400e3, 100e3,  5e3,   1.0  },
        { "four slots",             25e3,  34e3,  12e3,  0.5e3, 1.0, 4 },
        { "windows of one only",    10e3,  24e3,  15e3,  0.5e3, 1.0, 1, 1 },
        { "a GPU",                  2e3,   4e3,    2e3,  0.02e3, 0.98 },
        { "others use it, too",     10e3,  20e3,  14e3,  0.7e3, 1.0,  1, MOST, 1.5, 40, 0.03 },
        { "others use it a lot",    10e3,  20e3,  14e3,  0.7e3, 1.0,  1, MOST, 2.5, 40, 0.05 },
        { "others, for long",       10e3,  20e3,  14e3,  0.7e3, 1.0,  1, MOST, 2.5, 400, 0.05 },
        { "SmolLM2 with VNNI",      8.0e3, 9.6e3,  2.5e3, 0.15e3, 0.99, 1, MOST, 1.5, 40, 0.05 },
        { "SmolLM2, others long",   8.0e3, 9.6e3,  2.5e3, 0.15e3, 0.99, 1, MOST, 1.5, 400, 0.05 },
        { "nothing, with others",  20e3, 20.5e3,   1e3,  0.2e3, 1.0,  1, MOST, 1.5, 400, 0.05 },
        { "no top-k",              13e3,  20e3,   14e3,  0.7e3, 0.98, 1, MOST, 1.5, 400, 0.05, 6e3 },
        { "no top-k, four slots",  35e3,  52e3,   14e3,  0.7e3, 0.98, 4, MOST, 1.0, 400, 0.0,  6e3 },
        { "SmolLM2, wrong",         8.0e3, 9.6e3,  2.5e3, 0.15e3, 0.0, 1, MOST, 1.5, 400, 0.05 },
    };
    for (const machine & m : machines) {
        const double longest = std::max(250e3, 4*m.step);
        const double late    = m.slower*(m.hiccups > 0.0 ? 1.5 : 1.0); // others may begin while a token waits
        std::mt19937 rng(7);
        flash_head_pace pace(MOST, -1, m.n_slots);
        generate(m, 64, -1, pace, rng); // until it knows
        const pace_run run = generate(m, 20000, -1, pace, rng);
        const double best  = best_fixed(m, longest), dense = rate_of(m, 0);
        const double share   = m.slower > 1.0 ? 0.93 : 0.95; // windows are shorter while it is slow, for the longest wait
        check(run.rate >= share*best, "%s: %.3f of the best fixed choice", m.name, run.rate/best);
        check(run.rate >= 0.98*dense, "%s: %.3f of dense steps", m.name, run.rate/dense);
        check(run.longest_wait <= 1.2*late*std::max(longest, m.step + m.check_time(1)), "%s: a token waits %.0f ms",
                m.name, run.longest_wait/1e3);
        if (getenv("VERBOSE")) {
            printf("%s: %.3f of the best, %.3f times dense, waits %.0f ms, windows of %d\n", m.name, run.rate/best,
                    run.rate/dense, run.longest_wait/1e3, pace.length());
        }
    }

    // of a first answer that FlashHead does not know, few tokens are proposed, and none in a window
    std::mt19937 first_rng(7);
    flash_head_pace first(MOST);
    const double unknown = generate(machines[3], 64, -1, first, first_rng).rate;
    check(unknown >= 0.98/machines[3].dense, "all wrong at first: %.3f of dense steps", unknown*machines[3].dense);
    check(first.text().find("step 0.0") != std::string::npos, "all wrong at first: %s", first.text().c_str());

    // from right to wrong and back: it leaves the windows, and comes back to them
    machine m = machines[0];
    std::mt19937 rng(7);
    flash_head_pace pace(MOST);
    generate(m, 2000, -1, pace, rng);
    check(pace.length() > 8, "all right: windows of %d", pace.length());
    m.right = 0;
    const double wrong = generate(m, 2000, -1, pace, rng).rate;
    check(wrong >= 0.97/m.dense, "all wrong from now on: %.3f of dense steps", wrong*m.dense);
    m.right = 1;
    generate(m, 6000, -1, pace, rng);
    check(pace.length() > 8, "right again: windows of %d", pace.length());

    // a limit that the cache had for a while
    m.limit = 2;
    generate(m, 500, -1, pace, rng);
    check(pace.length() <= 2, "the cache allows 2: windows of %d", pace.length());
    m.limit = MOST;
    generate(m, 500, -1, pace, rng);
    check(pace.length() > 8, "the cache allows all again: windows of %d", pace.length());

    // a length that the user asks for is kept
    flash_head_pace fixed(MOST, 5);
    check(fixed.length() == 5, "asked for 5, has %d", fixed.length());
    generate(machines[3], 500, -1, fixed, rng);
    check(fixed.length() == 5, "asked for 5, has %d after wrong ones", fixed.length());
    return check.finish();
}
