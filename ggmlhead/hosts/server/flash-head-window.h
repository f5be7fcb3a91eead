#pragma once

// Exact generation in llama-server: FlashHead proposes tokens, and the dense head checks a window of them at once.
// Every token that leaves the slot was drawn by the slot's own sampler from the dense head's logits.
//
// 1. The row that entered the head is kept. A copy of the slot's sampler draws a token from FlashHead's logits: the
//    proposal, which is decoded next but shown to nobody.
// 2. When the window is full, or generation may end, the dense head's logits of all kept rows are computed at once,
//    in one product for all slots.
// 3. The slot's sampler draws from these, row by row. At the first token that is not the proposal the rest of the
//    window is dropped: from the cache, too.
//
// While windows would not pay (flash-head-pace.h), the dense head generates alone, and tokens are proposed beside some of
// its steps only to know whether they are right.

#include "common.h"
#include "flash-head-pace.h"
#include "llama-flash-head-exact.h"
#include "llama.h"
#include "sampling.h"
#include "server-common.h"

#include <functional>
#include <string>
#include <vector>

// What a slot shows to its window. All but id and the numbers refer to the slot's own.
struct flash_head_slot {
    llama_seq_id                     id;
    server_tokens                  & tokens;  // in the cache
    llama_token                    & sampled; // is decoded next
    common_sampler                 * sampler;
    const std::string              & text;    // generated so far
    const std::vector<std::string> & stops;
    int32_t                          n_ctx;
    int32_t                          n_left;  // tokens that may be generated still, -1 for any number
    bool                             is_first; // none was generated yet
};

// What became of proposals.
struct flash_head_check_totals {
    int64_t n_windows = 0, n_cut = 0;       // that were checked; of these, with a wrong proposal
    int64_t n_proposals = 0, n_right = 0;
    int64_t us = 0;                         // of the checks that the windows were part of

    void        add (const flash_head_check_totals & other);
    std::string text() const;               // for the log
};

class flash_head_windows;

// The proposals of a slot that wait for their check.
class flash_head_window {
public:
    // The slot ends: what was not checked is dropped, from its cache, too.
    void drop(const flash_head_slot & slot);

private:
    friend class flash_head_windows;

    flash_head_windows * all = nullptr; // that it is one of; nullptr: nothing was added
    common_sampler_ptr   proposer;      // has accepted all proposals
    std::vector<float>   rows;          // [n_rows][row size]
    int32_t              n_rows = 0;
    llama_tokens         proposals;     // one for each row, but for the last row of a window that is checked
    std::string          text;          // of the proposals
    size_t               n_base  = 0;   // tokens in the cache when the first row was kept
    int32_t              length  = 0;
    int64_t              t_begin = 0;   // microseconds
    llama_token          aside   = LLAMA_TOKEN_NULL; // proposed beside a dense step

    // while the slot draws from exact logits
    bool          is_due = false;
    int32_t       i_token = -1;       // in the sub-batch
    int32_t       at      = 0;        // the row drawn from
    const float * logits  = nullptr;  // [n_rows][n_vocab]; nullptr: the batch's own are exact
    int64_t       us      = 0;        // of their check

    flash_head_check_totals totals; // since the slot began

    void clear();
};

// The windows of all slots of one context.
class flash_head_windows {
public:
    // is_partial: whether any number of last tokens can be cut off the context's cache; is_shared: whether all
    // sequences have one cache; drafts: whether there is speculative decoding, which checks densely anyway. Logs what
    // is on.
    void init(llama_context * ctx, bool is_partial, bool is_shared, bool drafts);

    // A sub-batch was decoded in which i_token is the slot's last token. Draws a proposal, or makes the window due.
    void add(flash_head_window & window, const flash_head_slot & slot, int32_t i_token);

    // After add for all slots, of a sub-batch of n_tokens: checks the windows that are due. A slot has a `window`.
    template <typename S> void check(std::vector<S> & slots, int32_t n_tokens) {
        if (ctx == nullptr) {
            return;
        }
        std::vector<flash_head_window *> windows;
        for (S & slot : slots) {
            if (slot.window.i_token >= 0) {
                windows.push_back(&slot.window);
            }
        }
        check_windows(windows, n_tokens);
    }

    // For each window after check: the token of the batch to draw from, or -1 if there is none. After a token was drawn
    // and shown: the same once more. llama_get_logits_ith gives exact logits in between.
    int32_t begin(flash_head_window & window, const flash_head_slot & slot);
    int32_t next (flash_head_window & window, const flash_head_slot & slot);

private:
    friend class flash_head_window;

    llama_context * ctx = nullptr; // nullptr: FlashHead's own logits are used
    int32_t         n_vocab = 0, row_size = 0, n_swa = 0;
    int32_t         n_step  = 1;   // tokens that a batch may add where this slot's are cached
    int32_t         spoil   = 0;   // for tests: every spoil-th proposal is made wrong
    int64_t         n_drawn = 0;   // proposals

    std::vector<flash_head_pace> paces; // of 1, 2, … slots that generate at once
    size_t                       n_active = 1;
    int64_t                      t_last   = 0;     // when the last check or window was over, microseconds
    bool                         is_step  = false; // the time since then is that of a step
    bool                         rests    = false; // batches have the dense head
    int32_t                      n_most   = LLAMA_FLASH_HEAD_MAX_CHECK; // rows of a check
    std::vector<float>           more;             // logits where a check had several parts

    flash_head_check_totals totals;        // of all answers that have ended
    bool                    stats = false; // FLASHHEAD_STATS

    flash_head_pace       & pace()       { return paces[n_active - 1]; }
    const flash_head_pace & pace() const { return paces[n_active - 1]; }

    bool may_go_on(const flash_head_window & window, const flash_head_slot & slot) const;
    bool cache_has(const flash_head_window & window, const flash_head_slot & slot) const;
    void follow   (flash_head_window & window, const flash_head_slot & slot);
    llama_token draw(flash_head_window & window, int32_t i_token);
    void propose  (flash_head_window & window, const flash_head_slot & slot, int32_t i_token);
    void propose_aside(flash_head_window & window, const flash_head_slot & slot, int32_t i_token, const float * row);
    void check_windows(const std::vector<flash_head_window *> & windows, int32_t n_tokens);
    void measure  (const std::vector<flash_head_window *> & windows, int32_t n_tokens);
    const float * exact_logits(const std::vector<float> & rows, int32_t n_rows);
    void check_due(const std::vector<flash_head_window *> & due, int32_t n_rows);
};
