// Tests of short candidate lists. A sampler chain must behave the same from a short list as from all tokens: the same
// candidates bit for bit and in the same order, the same draws, the same state.

#include "check.h"
#include "random-numbers.h"

#include "flash-head-sampling.h"
#include "flash-head-shortlist.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

static checker check;

static const float INF = std::numeric_limits<float>::infinity();

// Logits of several shapes; all are deterministic.
struct shape {
    const char * name;
    std::function<void(std::vector<float> &, random_numbers &)> fill;
};

static void fill_normal(std::vector<float> & logits, random_numbers & random) {
    for (float & l : logits) {
        l = 3.0f*random.normal();
    }
}

static const shape SHAPES[] = {
    { "normal", fill_normal },
    { "a plain head's: most tokens share the score of their cluster",
    [](std::vector<float> & logits, random_numbers & random) {
        fill_normal(logits, random);
        for (size_t i = 0; i < logits.size(); i++) {
            const size_t cluster = i*2654435761u % (logits.size()/16 + 1);
            if (cluster % 8 != 0) {
                random_numbers of_cluster = { cluster };
                logits[i] = 3.0f*of_cluster.normal();
            }
        }
    } },
    { "few different values", [](std::vector<float> & logits, random_numbers & random) {
        for (float & l : logits) {
            l = (float) (random.next() % 50) - 25.0f;
        }
    } },
    { "all equal", [](std::vector<float> & logits, random_numbers &) { std::fill(logits.begin(), logits.end(),
    1.5f); } },
    { "all -inf but three", [](std::vector<float> & logits, random_numbers & random) {
        std::fill(logits.begin(), logits.end(), -INF);
        for (int i = 0; i < 3; i++) {
            logits[random.next() % logits.size()] = random.normal();
        }
    } },
    { "with -inf, -0 and 0", [](std::vector<float> & logits, random_numbers & random) {
        const float special[] = { -INF, -0.0f, 0.0f };
        fill_normal(logits, random);
        for (size_t i = 0; i < logits.size()/10; i++) {
            logits[random.next() % logits.size()] = special[random.next() % 3];
        }
    } },
    { "descending", [](std::vector<float> & logits, random_numbers &) {
        for (size_t i = 0; i < logits.size(); i++) {
            logits[i] = -1e-3f*i;
        }
    } },
};

static std::vector<llama_token_data> all_tokens(const std::vector<float> & logits) {
    std::vector<llama_token_data> list;
    for (size_t i = 0; i < logits.size(); i++) {
        list.push_back({ (llama_token) i, logits[i], 0.0f });
    }
    return list;
}

static bool same_entry(const llama_token_data & a, const llama_token_data & b) {
    return a.id == b.id && memcmp(&a.logit, &b.logit, sizeof(float)) == 0 && memcmp(&a.p, &b.p, sizeof(float)) == 0;
}

static void test_sort() {
    printf("shortlist: std::partial_sort orders it like all tokens\n");
    const auto greater = [](const llama_token_data & a, const llama_token_data & b) { return a.logit > b.logit; };
    random_numbers random = { 1 };
    size_t longest = 0;
    for (const shape & shape : SHAPES) {
        for (const int32_t n : { 2, 50, 64, 65, 1000, 32000 }) {
            for (const int32_t k : { 1, 2, 40, 128, n - 1 }) {
                if (k >= n) {
                    continue;
                }
                std::vector<float> logits(n);
                shape.fill(logits, random);
                logits[random.next() % n] = INF;
                std::vector<int32_t> tokens;
                if (!check(flash_head_shortlist(logits.data(), n, k, {}, tokens), "%s, n %d, k %d: no list", shape.name,
                        n, k)) {
                    continue;
                }
                std::vector<llama_token_data> all = all_tokens(logits), some;
                for (const int32_t token : tokens) {
                    some.push_back(all[token]);
                }
                std::partial_sort(all.begin(), all.begin() + k, all.end(), greater);
                std::partial_sort(some.begin(), some.begin() + k, some.end(), greater);
                check(std::equal(some.begin(), some.begin() + k, all.begin(), same_entry),
                        "%s, n %d, k %d: the order differs", shape.name, n, k);
                if (n == 32000 && k == 40) {
                    longest = std::max(longest, tokens.size());
                }
            }
        }
    }
    check(longest < 1000, "%zu of 32000 tokens in a list for k = 40", longest);
}

static void test_refused() {
    printf("shortlist: refused if any logit is NaN, or if it would be long\n");
    const int32_t n = 1000;
    random_numbers random = { 2 };
    std::vector<float> logits(n);
    std::vector<int32_t> tokens;
    fill_normal(logits, random);
    for (const int32_t at : { 0, 39, 40, 500, n - 1 }) {
        std::vector<float> with = logits;
        with[at] = NAN;
        check(!flash_head_shortlist(with.data(), n, 40, {}, tokens), "NaN at %d: a list", at);
        check(!flash_head_shortlist(logits.data(), n, 40, { { at, NAN } }, tokens), "changed to NaN at %d: a list", at);
        check(flash_head_shortlist(with.data(), n, 40, { { at, 0.0f } }, tokens),
                "NaN changed to a number at %d: no list", at);
    }
    for (int32_t i = 0; i < n; i++) {
        logits[i] = i;
    }
    check(!flash_head_shortlist(logits.data(), n, 40, {}, tokens), "ascending: a list of %zu", tokens.size());
}

// Settings of a request, and whether they allow a short list.
struct request {
    const char * name;
    bool         is_short;
    std::function<void(common_params_sampling &)> set;
    std::vector<llama_token> suppressed = {};
};

static void keep_all(struct llama_sampler *, llama_token_data_array *) {}

static const char * unknown_name(const struct llama_sampler *) { return "unknown"; }

static llama_sampler_i unknown_sampler = {
    unknown_name, nullptr, keep_all, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
};

// A chain like common_sampler_init's. Infill needs a vocabulary, so an unknown sampler takes its place.
static llama_sampler * make_chain(const request & request, const common_params_sampling & params, int32_t n_vocab) {
    llama_sampler * chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
    std::vector<llama_logit_bias> bias = params.logit_bias;
    for (const llama_token token : request.suppressed) {
        bias.push_back({ token, -INF });
    }
    if (!bias.empty()) {
        llama_sampler_chain_add(chain, llama_sampler_init_logit_bias(n_vocab, bias.size(), bias.data()));
    }
    if (params.mirostat == 1) {
        llama_sampler_chain_add(chain, llama_sampler_init_temp(params.temp));
        llama_sampler_chain_add(chain, llama_sampler_init_mirostat(n_vocab, params.seed, params.mirostat_tau,
                params.mirostat_eta, 100));
        return chain;
    }
    if (params.mirostat == 2) {
        llama_sampler_chain_add(chain, llama_sampler_init_temp(params.temp));
        llama_sampler_chain_add(chain, llama_sampler_init_mirostat_v2(params.seed, params.mirostat_tau,
                params.mirostat_eta));
        return chain;
    }
    bool adaptive = false;
    for (const auto type : params.samplers) {
        llama_sampler * sampler = nullptr;
        switch (type) {
            case COMMON_SAMPLER_TYPE_DRY:         sampler =
                    llama_sampler_init_dry(nullptr, params.dry_multiplier, params.dry_base, params.dry_allowed_length,
                    params.dry_penalty_last_n, nullptr, 0); break;
            case COMMON_SAMPLER_TYPE_TOP_K:       sampler = llama_sampler_init_top_k(params.top_k); break;
            case COMMON_SAMPLER_TYPE_TOP_P:       sampler =
                    llama_sampler_init_top_p(params.top_p, params.min_keep); break;
            case COMMON_SAMPLER_TYPE_TOP_N_SIGMA: sampler = llama_sampler_init_top_n_sigma(params.top_n_sigma); break;
            case COMMON_SAMPLER_TYPE_MIN_P:       sampler =
                    llama_sampler_init_min_p(params.min_p, params.min_keep); break;
            case COMMON_SAMPLER_TYPE_XTC:         sampler =
                    llama_sampler_init_xtc(params.xtc_probability, params.xtc_threshold, params.min_keep,
                    params.seed); break;
            case COMMON_SAMPLER_TYPE_TYPICAL_P:   sampler =
                    llama_sampler_init_typical(params.typ_p, params.min_keep); break;
            case COMMON_SAMPLER_TYPE_TEMPERATURE: sampler =
                    llama_sampler_init_temp_ext(params.temp, params.dynatemp_range, params.dynatemp_exponent); break;
            case COMMON_SAMPLER_TYPE_PENALTIES:   sampler =
                    llama_sampler_init_penalties(n_vocab, params.penalty_last_n, params.penalty_repeat,
                    params.penalty_freq, params.penalty_present); break;
            case COMMON_SAMPLER_TYPE_ADAPTIVE_P:  adaptive = true; break;
            default:                              sampler = llama_sampler_init(&unknown_sampler, nullptr);
        }
        if (sampler) {
            llama_sampler_chain_add(chain, sampler);
        }
    }
    llama_sampler_chain_add(chain, adaptive ? llama_sampler_init_adaptive_p(params.adaptive_target,
            params.adaptive_decay, params.seed) : llama_sampler_init_dist(params.seed));
    return chain;
}

static const std::vector<request> REQUESTS = {
    { "llama-server's default",  true,  [](common_params_sampling &) {} },
    { "ollama's default",        true,  [](common_params_sampling & p) { p.min_p = 0.0f; p.top_p = 0.9f; } },
    { "temperature 0",           true,  [](common_params_sampling & p) { p.temp = 0.0f; } },
    { "temperature 2",           true,
    [](common_params_sampling & p) { p.temp = 2.0f; p.top_p = 1.0f; p.min_p = 0.0f; } },
    { "dynamic temperature",     true,  [](common_params_sampling & p) { p.dynatemp_range = 0.5f; } },
    { "top_k 1",                 true,  [](common_params_sampling & p) { p.top_k = 1; } },
    { "top_k 128",               true,
    [](common_params_sampling & p) { p.top_k = 128; p.min_p = 0.0f; p.top_p = 1.0f; } },
    { "top_k 129",               false, [](common_params_sampling & p) { p.top_k = 129; } },
    { "top_k off",               false, [](common_params_sampling & p) { p.top_k = 0; } },
    { "top_k of all",            false, [](common_params_sampling & p) { p.top_k = 1 << 20; } },
    { "top_k alone",             true,
    [](common_params_sampling & p) { p.samplers = { COMMON_SAMPLER_TYPE_TOP_K }; } },
    { "typical",                 true,  [](common_params_sampling & p) { p.typ_p = 0.8f; } },
    { "min_keep",                true,  [](common_params_sampling & p) { p.min_keep = 10; p.top_p = 0.1f; } },
    { "xtc",                     true,
    [](common_params_sampling & p) { p.xtc_probability = 0.5f; p.xtc_threshold = 0.05f; p.min_p = 0.0f; } },
    { "adaptive_p",              true, [](common_params_sampling & p) {
          p.adaptive_target = 0.3f;
          p.samplers.push_back(COMMON_SAMPLER_TYPE_ADAPTIVE_P);
    } },
    { "repeat 1.1",              true,  [](common_params_sampling & p) { p.penalty_repeat = 1.1f; } },
    { "repeat 0.7: favours",     true,  [](common_params_sampling & p) { p.penalty_repeat = 0.7f; } },
    { "repeat 1e30",             true,  [](common_params_sampling & p) { p.penalty_repeat = 1e30f; } },
    { "frequency 0.7",           true,  [](common_params_sampling & p) { p.penalty_freq = 0.7f; } },
    { "frequency -0.7",          true,  [](common_params_sampling & p) { p.penalty_freq = -0.7f; } },
    { "presence 1.5",            true,  [](common_params_sampling & p) { p.penalty_present = 1.5f; } },
    { "presence -1.5",           true,  [](common_params_sampling & p) { p.penalty_present = -1.5f; } },
    { "all penalties",           true, [](common_params_sampling & p) {
          p.penalty_repeat = 1.3f;
          p.penalty_freq = -0.2f;
          p.penalty_present = 0.4f;
          p.penalty_last_n = 9;
    } },
    { "penalties of no token",   true,
    [](common_params_sampling & p) { p.penalty_repeat = 1.3f; p.penalty_last_n = 0; } },
    { "penalties, long memory",  false,
    [](common_params_sampling & p) { p.penalty_repeat = 1.3f; p.penalty_last_n = 100; } },
    { "penalties behind top_k",  true,
    [](common_params_sampling & p) { p.penalty_repeat = 1.3f; p.samplers = { COMMON_SAMPLER_TYPE_TOP_K,
    COMMON_SAMPLER_TYPE_PENALTIES }; } },
    { "bias",                    true,  [](common_params_sampling & p) { p.logit_bias = { { 5, 20.0f }, { 70, -INF },
    { 71, 6.0f }, { 1999, 9.0f }, { -1, 1.0f }, { 9999999, 1.0f } }; } },
    { "bias and penalties",      true,  [](common_params_sampling & p) { p.logit_bias = { { 5, 5.0f },
    { 700, 6.0f } }; p.penalty_present = 4.0f; } },
    { "two biases of a token",   false, [](common_params_sampling & p) { p.logit_bias = { { 900, 5.0f },
    { 900, 6.0f } }; } },
    { "suppressed tokens",       true,  [](common_params_sampling &) {}, { 1, 2, 3, 100, 1000 } },
    { "bias on a suppressed",    false, [](common_params_sampling & p) { p.logit_bias = { { 100, 50.0f } }; },
    { 100 } },
    { "dry",                     false,
    [](common_params_sampling & p) { p.dry_multiplier = 0.8f; p.dry_allowed_length = 1; p.dry_penalty_last_n = 64; } },
    { "dry behind top_k",        true, [](common_params_sampling & p) {
          p.dry_multiplier = 0.8f;
          p.dry_allowed_length = 1;
          p.dry_penalty_last_n = 64;
          p.samplers = { COMMON_SAMPLER_TYPE_TOP_K, COMMON_SAMPLER_TYPE_DRY };
    } },
    { "top_n_sigma",             false, [](common_params_sampling & p) { p.top_n_sigma = 1.0f; } },
    { "top_p before top_k",      false, [](common_params_sampling & p) { p.samplers = { COMMON_SAMPLER_TYPE_TOP_P,
    COMMON_SAMPLER_TYPE_TOP_K }; } },
    { "min_p before top_k",      false, [](common_params_sampling & p) { p.samplers = { COMMON_SAMPLER_TYPE_MIN_P,
    COMMON_SAMPLER_TYPE_TOP_K }; } },
    { "typical before top_k",    false,
    [](common_params_sampling & p) { p.typ_p = 0.8f; p.samplers = { COMMON_SAMPLER_TYPE_TYPICAL_P,
    COMMON_SAMPLER_TYPE_TOP_K }; } },
    { "xtc before top_k",        false,
    [](common_params_sampling & p) { p.xtc_probability = 0.5f; p.samplers = { COMMON_SAMPLER_TYPE_XTC,
    COMMON_SAMPLER_TYPE_TOP_K }; } },
    { "temperature first",       false, [](common_params_sampling & p) { p.samplers = { COMMON_SAMPLER_TYPE_TEMPERATURE,
    COMMON_SAMPLER_TYPE_TOP_K }; } },
    { "unknown before top_k",    false, [](common_params_sampling & p) { p.samplers = { COMMON_SAMPLER_TYPE_INFILL,
    COMMON_SAMPLER_TYPE_TOP_K }; } },
    { "unknown behind top_k",    true,  [](common_params_sampling & p) { p.samplers = { COMMON_SAMPLER_TYPE_TOP_K,
    COMMON_SAMPLER_TYPE_INFILL }; } },
    { "no top_k",                false, [](common_params_sampling & p) { p.samplers = { COMMON_SAMPLER_TYPE_TOP_P,
    COMMON_SAMPLER_TYPE_TEMPERATURE }; } },
    { "temperature alone",       false,
    [](common_params_sampling & p) { p.samplers = { COMMON_SAMPLER_TYPE_TEMPERATURE }; } },
    { "mirostat",                false, [](common_params_sampling & p) { p.mirostat = 1; } },
    { "mirostat 2",              false, [](common_params_sampling & p) { p.mirostat = 2; } },
};

static common_params_sampling params_of(const request & request) {
    common_params_sampling params;
    params.seed = 7;
    request.set(params);
    return params;
}

// Draws once from both. Returns false if the candidates or the drawn tokens differ.
static bool same_draw(llama_sampler * full, std::vector<llama_token_data> & all, llama_sampler * fast,
        std::vector<llama_token_data> & some, llama_token & drawn) {
    llama_token_data_array want = { all.data(), all.size(), -1, false };
    llama_token_data_array got  = { some.data(), some.size(), -1, false };
    llama_sampler_apply(full, &want);
    llama_sampler_apply(fast, &got);
    drawn = want.data[want.selected].id;
    return got.selected == want.selected && got.size == want.size && got.sorted == want.sorted
        && std::equal(got.data, got.data + got.size, want.data, same_entry);
}

static void test_requests() {
    printf("sampling: every setting of a request, consecutive draws, logits of all shapes\n");
    const int     n_draws  = 24;
    const int32_t n_vocab  = 2000;
    const size_t  n_recent = 64;
    for (const request & request : REQUESTS) {
        const common_params_sampling params = params_of(request);
        int differ = 0, otherwise = 0;
        for (const shape & shape : SHAPES) {
            llama_sampler * full = make_chain(request, params, n_vocab);
            llama_sampler * fast = make_chain(request, params, n_vocab);
            random_numbers random = { 3 };
            std::vector<llama_token> recent;
            const auto accept = [&](llama_token token) {
                llama_sampler_accept(full, token);
                llama_sampler_accept(fast, token);
                recent.push_back(token);
                recent.erase(recent.begin(), recent.end() - std::min(recent.size(), n_recent));
            };
            for (int i = 0; i < 100; i++) { // a prompt
                accept(random.next() % 150*13);
            }
            for (int draw = 0; draw < n_draws; draw++) {
                std::vector<float> logits(n_vocab);
                shape.fill(logits, random);
                std::vector<llama_token_data> all = all_tokens(logits), some;
                if (flash_head_sampling_list(n_vocab, request.suppressed, fast, params, recent, n_recent, logits.data(),
                        some) != request.is_short) {
                    otherwise++;
                }
                llama_token drawn;
                if (request.is_short && !same_draw(full, all, fast, some, drawn)) {
                    differ++;
                }
                accept(request.is_short ? drawn : (llama_token) (random.next() % n_vocab));
            }
            llama_sampler_free(full);
            llama_sampler_free(fast);
        }
        check(otherwise == 0, "%s: %d lists were %s", request.name, otherwise,
                request.is_short ? "not short" : "short");
        check(differ == 0, "%s: %d draws differ", request.name, differ);
    }
}

static void test_many_draws() {
    printf("sampling: thousands of consecutive draws, more tokens\n");
    const int32_t n_vocab = 32000;
    for (const char * name : { "ollama's default", "temperature 2", "all penalties", "bias and penalties" }) {
        const request & request = *std::find_if(REQUESTS.begin(), REQUESTS.end(), [&](const auto & r) {
            return strcmp(r.name, name) == 0;
        });
        const common_params_sampling params = params_of(request);
        llama_sampler * full = make_chain(request, params, n_vocab);
        llama_sampler * fast = make_chain(request, params, n_vocab);
        random_numbers random = { 4 };
        std::vector<float> logits(n_vocab);
        std::vector<llama_token> recent;
        fill_normal(logits, random);
        int differ = 0, full_lists = 0;
        for (int draw = 0; draw < 2000; draw++) {
            std::rotate(logits.begin(), logits.begin() + 1 + random.next() % 1000, logits.end());
            logits[random.next() % n_vocab] = 3.0f*random.normal();
            std::vector<llama_token_data> all = all_tokens(logits), some;
            if (!flash_head_sampling_list(n_vocab, {}, fast, params, recent, 64, logits.data(), some)) {
                some = all;
                full_lists++;
            }
            llama_token drawn;
            differ += !same_draw(full, all, fast, some, drawn);
            llama_sampler_accept(full, drawn);
            llama_sampler_accept(fast, drawn);
            recent.push_back(drawn);
        }
        check(differ == 0, "%s: %d draws differ", name, differ);
        check(full_lists == 0, "%s: %d lists were not short", name, full_lists);
        llama_sampler_free(full);
        llama_sampler_free(fast);
    }
}

int main() {
    test_sort();
    test_refused();
    test_requests();
    test_many_draws();
    return check.finish();
}
