#include "flash-head-window.h"

#include "log.h"

#include <algorithm>
#include <stdexcept>
#include <stdlib.h>

void flash_head_windows::init(llama_context * context, bool is_partial, bool is_shared, bool drafts) {
    *this = flash_head_windows();
    const int32_t setting = llama_flash_head_exact_setting(context);
    if (setting == 0 || !llama_flash_head_keep_rows(context)) {
        return;
    }
    if (drafts) {
        llama_flash_head_rest(context, true);
        LOG_INF("flash_head: exact: the dense head checks what is drafted\n");
        return;
    }
    if (!is_partial) {
        llama_flash_head_rest(context, true);
        LOG_WRN("flash_head: exact: the last tokens cannot be cut off this model's cache; running dense "
                "(FLASHHEAD_EXACT=off takes FlashHead's own logits)\n");
        return;
    }
    ctx      = context;
    const llama_model * model = llama_get_model(ctx);
    n_vocab  = llama_vocab_n_tokens(llama_model_get_vocab(model));
    row_size = llama_flash_head_row_size(ctx);
    n_swa    = llama_model_n_swa(model);
    n_step   = is_shared && llama_n_seq_max(ctx) > 1 ? (int32_t) llama_n_batch(ctx) : 1;
    for (int32_t n = 1; n <= (int32_t) llama_n_seq_max(ctx); n++) {
        paces.emplace_back(LLAMA_FLASH_HEAD_MAX_CHECK, setting, n);
    }
    stats    = llama_flash_head_wants_statistics(ctx);
    if (const char * s = getenv("FLASHHEAD_TEST_SPOIL")) {
        spoil = atoi(s);
    }
    rests = pace().length() == 0;
    llama_flash_head_rest(ctx, rests);
    LOG_INF("flash_head: exact: the dense head checks every token\n");
}

// Whether cutting the cache back to the window's begin leaves all that attention needs there, even after another step:
// of a sliding window's cells, a step may take those that no longer count for the latest token.
bool flash_head_windows::cache_has(const flash_head_window & window, const flash_head_slot & slot) const {
    if (n_swa <= 0) {
        return true;
    }
    const llama_pos first  = slot.tokens.pos_next((int64_t) window.n_base); // after the cut, comes next
    const llama_pos needed = std::max(first - n_swa + 1, 0);
    const llama_pos latest = slot.tokens.pos_next() + n_step;
    return latest - n_swa < needed || llama_memory_seq_pos_min(llama_get_memory(ctx), slot.id) + n_step <= needed;
}

// whether another proposal may follow those of window
bool flash_head_windows::may_go_on(const flash_head_window & window, const flash_head_slot & slot) const {
    return window.n_rows < window.length
        && (slot.n_left < 0 || window.n_rows < slot.n_left)
        && (int32_t) slot.tokens.size() + 1 < slot.n_ctx
        && ggml_time_us() - window.t_begin < pace().longest_wait();
}

void flash_head_windows::add(flash_head_window & window, const flash_head_slot & slot, int32_t i_token) {
    window.is_due  = true;
    window.i_token = i_token;
    window.at      = 0;
    window.all     = this;
    is_step        = is_step && !slot.is_first;
    window.logits  = nullptr;
    if (ctx == nullptr) {
        return;
    }
    bool is_exact = false;
    const float * row = llama_flash_head_row(ctx, i_token, &is_exact);
    if (row == nullptr) {
        throw std::runtime_error("flash_head: no row was kept for a token that is to be checked");
    }
    if (is_exact && window.n_rows == 0) {
        if (pace().wants_aside()) {
            propose_aside(window, slot, i_token, row);
        }
        return;
    }
    if (window.n_rows == 0) {
        window.n_base  = slot.tokens.size();
        window.t_begin = ggml_time_us();
        window.length  = slot.is_first ? 1 : std::max(pace().length(), 1);
    }
    window.rows.insert(window.rows.end(), row, row + row_size);
    window.n_rows++;
    if (!cache_has(window, slot)) {
        pace().add_limit(window.n_rows);
    } else if (may_go_on(window, slot)) {
        propose(window, slot, i_token);
    }
}

// Lets the window's proposer draw what the slot's sampler would.
void flash_head_windows::follow(flash_head_window & window, const flash_head_slot & slot) {
    if (window.proposer) {
        common_sampler_copy(slot.sampler, window.proposer.get());
    } else {
        window.proposer.reset(common_sampler_clone(slot.sampler));
    }
}

llama_token flash_head_windows::draw(flash_head_window & window, int32_t i_token) {
    const llama_token id = common_sampler_sample(window.proposer.get(), ctx, i_token);
    n_drawn++;
    return spoil > 0 && n_drawn % spoil == 0 ? (id + 1) % n_vocab : id;
}

void flash_head_windows::propose_aside(flash_head_window & window, const flash_head_slot & slot, int32_t i_token,
        const float * row) {
    const int64_t t_begin = ggml_time_us();
    if (const float * logits = llama_flash_head_estimate(ctx, row)) {
        follow(window, slot);
        llama_flash_head_show(ctx, logits);
        window.aside = draw(window, i_token);
        llama_flash_head_show(ctx, nullptr);
    }
    t_last += ggml_time_us() - t_begin; // no part of the step
}

void flash_head_windows::propose(flash_head_window & window, const flash_head_slot & slot, int32_t i_token) {
    if (window.n_rows == 1) {
        follow(window, slot);
    }
    const llama_token id = draw(window, i_token);
    try {
        common_sampler_accept(window.proposer.get(), id, true);
    } catch (const std::exception &) {
        return; // a grammar that does not take it: no proposal, so what there is is checked
    }
    window.proposals.push_back(id);
    slot.sampled = id;

    // where generation is about to end, further proposals would be in vain
    const llama_vocab * vocab = llama_model_get_vocab(llama_get_model(ctx));
    window.is_due = llama_vocab_is_eog(vocab, id);
    window.text  += common_token_to_piece(ctx, id, true);
    for (const std::string & stop : slot.stops) {
        const size_t      n_before = std::min(slot.text.size(), stop.size());
        const std::string text     = slot.text.substr(slot.text.size() - n_before) + window.text;
        window.is_due |= text.find(stop) != std::string::npos;
    }
}

// the time since the last check, if it was that of one step
void flash_head_windows::measure(const std::vector<flash_head_window *> & windows, int32_t n_tokens) {
    const int64_t t_now = ggml_time_us();
    if (is_step && t_last > 0 && (int32_t) windows.size() == n_tokens) {
        pace().add_step((double) (t_now - t_last), rests);
    }
    is_step = true;
}

void flash_head_windows::check_windows(const std::vector<flash_head_window *> & windows, int32_t n_tokens) {
    n_active = windows.empty() ? n_active : windows.size();
    measure(windows, n_tokens);

    std::vector<flash_head_window *> due;
    int32_t n_rows = 0;
    for (flash_head_window * window : windows) {
        if (window->is_due && window->n_rows > 0) {
            due.push_back(window);
            n_rows += window->n_rows;
        }
    }
    // the head is read anyway
    for (flash_head_window * window : windows) {
        if (!due.empty() && !window->is_due && n_rows + window->n_rows <= LLAMA_FLASH_HEAD_MAX_CHECK) {
            window->is_due = true;
            due.push_back(window);
            n_rows += window->n_rows;
        }
    }
    if (n_rows > 0) {
        const int64_t t_begin = ggml_time_us();
        check_due(due, n_rows);
        const int64_t us = ggml_time_us() - t_begin;
        pace().add_check(n_rows, (double) us);
        for (flash_head_window * window : due) {
            window->us = us;
        }
    }
    for (flash_head_window * window : windows) {
        if (!window->is_due) {
            window->i_token = -1; // the next sub-batch may be without its slot
        }
    }
    const bool dense = pace().length() == 0;
    if (dense != rests) {
        rests = dense;
        llama_flash_head_rest(ctx, rests);
        is_step = false; // the next one builds another graph
    }
    t_last = ggml_time_us();
}

// The dense head's logits [n_rows][n_vocab] of rows, n_most rows at once; nullptr if that fails.
const float * flash_head_windows::exact_logits(const std::vector<float> & rows, int32_t n_rows) {
    const float * logits = nullptr;
    more.resize(n_rows > n_most ? (size_t) n_rows*n_vocab : 0);
    for (int32_t r = 0; r < n_rows; r += n_most) {
        const int32_t n = std::min(n_rows - r, n_most);
        logits = llama_flash_head_check(ctx, rows.data() + (size_t) r*row_size, n);
        if (logits == nullptr) {
            return nullptr;
        }
        if (!more.empty()) {
            std::copy_n(logits, (size_t) n*n_vocab, more.begin() + (size_t) r*n_vocab);
        }
    }
    return more.empty() ? logits : more.data();
}

void flash_head_windows::check_due(const std::vector<flash_head_window *> & due, int32_t n_rows) {
    std::vector<float> rows;
    for (const flash_head_window * window : due) {
        rows.insert(rows.end(), window->rows.begin(), window->rows.end());
    }
    const float * logits = exact_logits(rows, n_rows);
    while (logits == nullptr) {
        if (n_most == 1) {
            throw std::runtime_error("flash_head: the check of proposals failed");
        }
        n_most /= 2; // a check of fewer rows takes less memory
        LOG_WRN("flash_head: exact: a check failed, perhaps for lack of memory; checking %d tokens at once\n", n_most);
        logits = exact_logits(rows, n_rows);
    }
    for (flash_head_window * window : due) {
        window->logits = logits;
        logits += (size_t) window->n_rows*n_vocab;
    }
}

int32_t flash_head_windows::begin(flash_head_window & window, const flash_head_slot & slot) {
    if (!window.is_due) {
        return -1;
    }
    if (window.logits != nullptr) {
        slot.tokens.keep_first(window.n_base);
        llama_flash_head_show(ctx, window.logits);
    }
    return window.i_token;
}

int32_t flash_head_windows::next(flash_head_window & window, const flash_head_slot & slot) {
    if (window.logits == nullptr) {
        if (window.aside != LLAMA_TOKEN_NULL) {
            pace().add_aside(window.aside == slot.sampled);
        }
        window.clear();
        return -1;
    }
    const int32_t n_more   = window.n_rows - 1 - window.at; // rows that are left
    const bool    is_right = n_more > 0 && slot.sampled == window.proposals[window.at];
    if (is_right) {
        slot.tokens.push_back(slot.sampled);
        window.at++;
        llama_flash_head_show(ctx, window.logits + (size_t) window.at*n_vocab);
        return window.i_token;
    }
    const int64_t t_now = ggml_time_us();
    pace().add_draw((double) (t_now - t_last)/(window.at + 1));
    t_last = t_now;
    pace().add_window(window.n_rows - 1, window.at);
    const bool is_cut = n_more == 0
        || llama_memory_seq_rm(llama_get_memory(ctx), slot.id, slot.tokens.pos_next(), -1);
    window.clear();
    if (!is_cut) {
        throw std::runtime_error("flash_head: a wrong proposal cannot be cut off the cache");
    }
    return -1;
}

void flash_head_window::clear() {
    if (logits != nullptr) {
        totals.n_windows++;
        totals.n_cut       += at < n_rows - 1;
        totals.n_proposals += n_rows - 1;
        totals.n_right     += at;
        totals.us          += us;
        llama_flash_head_show(all->ctx, nullptr);
    }
    rows.clear();
    proposals.clear();
    text.clear();
    n_rows  = 0;
    aside   = LLAMA_TOKEN_NULL;
    is_due  = false;
    i_token = -1;
    logits  = nullptr;
}

void flash_head_window::drop(const flash_head_slot & slot) {
    if (n_rows > 0) {
        llama_memory_t memory = llama_get_memory(all->ctx);
        slot.tokens.keep_first(std::min(slot.tokens.size(), n_base + at));
        if (!llama_memory_seq_rm(memory, slot.id, slot.tokens.pos_next(), -1)) {
            llama_memory_seq_rm(memory, slot.id, -1, -1);
            slot.tokens.clear();
        }
    }
    clear();
    if (totals.n_windows > 0) {
        LOG_INF("flash_head: exact: %s\n", totals.text().c_str());
        all->totals.add(totals);
        if (all->stats) {
            LOG_INF("flash_head: statistics of all checks: %s; %s\n", all->totals.text().c_str(),
                    all->pace().text().c_str());
        }
    }
    *this = flash_head_window();
}

void flash_head_check_totals::add(const flash_head_check_totals & other) {
    n_windows   += other.n_windows;
    n_cut       += other.n_cut;
    n_proposals += other.n_proposals;
    n_right     += other.n_right;
    us          += other.us;
}

std::string flash_head_check_totals::text() const {
    char line[160];
    snprintf(line, sizeof(line), "%lld of %lld proposals were right, in %lld checks of %.1f ms; %lld windows were cut",
            (long long) n_right, (long long) n_proposals, (long long) n_windows, (double) us/1e3/(double) n_windows,
            (long long) n_cut);
    return line;
}
