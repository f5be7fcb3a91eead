#pragma once

// The few of n logits that decide what a top-k sampler keeps: one pass over the logits, no list of n entries, no
// sorting.

#include <cstdint>
#include <vector>

// A token whose logit is changed before top-k sees it.
struct flash_head_changed_logit {
    int32_t token;
    float   logit; // as top-k sees it
};

// Finds the tokens that decide which k of n logits llama.cpp's top-k keeps, and in what order, ties included.
//
// llama.cpp sorts with std::partial_sort: a heap of the first k entries takes in each later one that is greater than
// its least, in the order of the list. So what it does depends on those entries alone: the first k, and each that is
// greater than the k-th best before it. All others leave the heap as it is. The pass below keeps the same k-th best,
// and lists just those: the sort of the list does, step by step, what it would have done with all n. With logits in
// random order these are about k (1 + ln(n/k)): 390 of 262144 for k = 40.
//
// logits [n]; 0 < k < n; changed: ascending, each token once, stands for its entry in logits. Writes the tokens to
// tokens, ascending. Returns false if there is a NaN, whose order is undefined, or if the list would not be short.
bool flash_head_shortlist(const float * logits, int32_t n, int32_t k,
        const std::vector<flash_head_changed_logit> & changed,
        std::vector<int32_t> & tokens);
