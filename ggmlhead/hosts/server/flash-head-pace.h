#pragma once

// How many tokens to propose before they are checked, from what was measured while generating: the time of a step, of a
// dense step and of a check, and how often proposals were right. Steps of one and of several slots take different
// times, so that there is one pace for each number of slots.
//
// A window of wrong proposals is a waste of nearly all its steps. So before windows are tried, tokens are proposed beside
// dense steps: such a proposal costs FlashHead's product alone.

#include <algorithm>
#include <stdint.h>
#include <string>

// The median of the latest values: others that use the processor make some of them several times as long.
class flash_head_recent_median {
public:
    void   add(double value)  { values[n++ % N_MOST] = value; }
    bool   empty() const      { return n == 0; }
    size_t count() const      { return std::min(n, N_MOST); }
    double value() const;     // 0 if there is none

private:
    static constexpr size_t N_MOST = 15;
    double values[N_MOST] = {};
    size_t n = 0;
};

// Times are in microseconds.
class flash_head_pace {
public:
    // most: the longest window; fixed: the one that the user asks for, -1 to choose; n_slots: that generate at once
    explicit flash_head_pace(int32_t most = 1, int32_t fixed = -1, int32_t n_slots = 1);

    // What was measured. A step decodes and draws the next token of every slot; a check is of n rows of all slots; then
    // each token is drawn again; a window had n proposals that were checked, of which the first n_right were right.
    void add_step      (double us, bool is_dense);
    void add_check     (int32_t n, double us);
    void add_draw      (double us);
    void add_window    (int32_t n, int32_t n_right);

    // Whether a token should be proposed beside the next dense step; then whether that was right.
    bool wants_aside() const;
    void add_aside(bool is_right);

    // A window could not be longer than n, because the cache could not be cut back behind it.
    void add_limit     (int32_t n);

    // The length of the next window, 1 or more; 0: the next step is dense.
    int32_t length() const;

    // The longest that a token should wait, in microseconds.
    double longest_wait() const;

    // Times of steps, for the log.
    std::string text() const;

private:
    int32_t most, fixed, n_slots;

    flash_head_recent_median step, dense, draw;

    // sums for the line through the times of checks over their rows; old checks weigh less
    double n_checks = 0.0, sum_n = 0.0, sum_t = 0.0, sum_nn = 0.0, sum_nt = 0.0;

    double  n_right = 0.0, n_wrong = 0.0; // of proposals; old ones weigh less
    int32_t n_none  = 0;                  // windows in a row without a right one
    int32_t n_more_wrong = 0;             // of the proposals beside the steps of this rest, than right
    int32_t n_most  = 0;                  // a window is at most twice as long as the last that was right
    int32_t n_limit = 0;                  // no window can be longer
    int32_t n_free  = 0;                  // windows since the last that met the limit
    int64_t n_rests = 0;                  // dense steps to go
    int64_t n_pause = 0;                  // dense steps of the last rest, 0 if the last trial paid
    int64_t n_since = 0;                  // tokens since dense steps were last timed
    int64_t n_trust = 0;                  // they are timed again after so many

    double  check_time(int32_t n) const; // of windows of n rows in every slot
    double  tokens_of (int32_t n) const;
    double  time_of   (int32_t n) const;
    int32_t best      (int32_t limit) const;
    bool    asides_are_wrong() const;
    void    end_rest();
    void    begin_trial();
    void    decide();
    void    rest_longer(int64_t longest);
    void    rest(int64_t n);
};
