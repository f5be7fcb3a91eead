#include "flash-head-shortlist.h"

#include <algorithm>
#include <cmath>
#include <functional>

static const int32_t BLOCK = 64; // logits that are compared at once

// Longer lists do not pay. They arise when logits ascend with the tokens; each entry costs a heap update.
static int64_t too_many(int32_t n, int32_t k) {
    return n/8 + (int64_t) 4*k;
}

namespace {

// The k best logits so far, and the tokens that changed them.
struct shortlist {
    std::vector<float>     best;  // a heap with the least in front
    float                  bound = 0.0f; // its least
    std::vector<int32_t> & tokens;
    size_t                 max_tokens = 0;

    explicit shortlist(std::vector<int32_t> & tokens) : tokens(tokens) {}

    bool offer(int32_t token, float logit) {
        if (logit <= bound) {
            return true;
        }
        if (std::isnan(logit) || tokens.size() == max_tokens) {
            return false;
        }
        tokens.push_back(token);
        std::pop_heap(best.begin(), best.end(), std::greater<float>());
        best.back() = logit;
        std::push_heap(best.begin(), best.end(), std::greater<float>());
        bound = best.front();
        return true;
    }
};

}

// whether a block has a value above the bound, or a NaN; a fixed-length loop that the compiler vectorises
static bool any_above(const float * logits, float bound) {
    int any = 0;
    for (int32_t i = 0; i < BLOCK; i++) {
        any |= !(logits[i] <= bound);
    }
    return any != 0;
}

// offers tokens [from, to), none of which is changed
static bool offer_range(shortlist & list, const float * logits, int32_t from, int32_t to) {
    while (from < to) {
        if (to - from >= BLOCK && !any_above(logits + from, list.bound)) {
            from += BLOCK;
            continue;
        }
        for (const int32_t end = std::min(from + BLOCK, to); from < end; from++) {
            if (!list.offer(from, logits[from])) {
                return false;
            }
        }
    }
    return true;
}

bool flash_head_shortlist(const float * logits, int32_t n, int32_t k,
        const std::vector<flash_head_changed_logit> & changed,
        std::vector<int32_t> & tokens) {
    tokens.clear();
    for (int32_t i = 0; i < k; i++) {
        tokens.push_back(i);
    }

    shortlist list(tokens);
    list.max_tokens = too_many(n, k);
    list.best.assign(logits, logits + k);
    auto next = changed.begin();
    for (; next != changed.end() && next->token < k; ++next) {
        list.best[next->token] = next->logit;
    }
    if (std::any_of(list.best.begin(), list.best.end(), [](float logit) { return std::isnan(logit); })) {
        return false;
    }
    std::make_heap(list.best.begin(), list.best.end(), std::greater<float>());
    list.bound = list.best.front();

    int32_t from = k;
    for (; next != changed.end(); ++next) {
        if (!offer_range(list, logits, from, next->token) || !list.offer(next->token, next->logit)) {
            return false;
        }
        from = next->token + 1;
    }
    return offer_range(list, logits, from, n);
}
