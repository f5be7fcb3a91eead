#pragma once

// Exact logits beside FlashHead's, for programs that generate text and check what FlashHead proposes. A context keeps
// the rows of activations that entered its head, and can have the dense head's logits for several rows at once.

#include "llama.h"

#include <stdint.h>

// The most rows of one check.
#define LLAMA_FLASH_HEAD_MAX_CHECK 32

// Lets ctx keep rows from its next batch on. Returns false if the model's head is not FlashHead.
LLAMA_API bool llama_flash_head_keep_rows(struct llama_context * ctx);

// The window that FLASHHEAD_EXACT asks for: 1 .. LLAMA_FLASH_HEAD_MAX_CHECK tokens; 0 for none, -1 to choose.
LLAMA_API int32_t llama_flash_head_exact_setting(const struct llama_context * ctx);

// Whether FLASHHEAD_STATS asks for statistics in the log.
LLAMA_API bool llama_flash_head_wants_statistics(const struct llama_context * ctx);

// The row [n_embd] that entered the head for token i of the last batch; valid until the next batch. nullptr if no row
// was kept. is_exact tells whether the logits of the batch are the dense head's already.
LLAMA_API const float * llama_flash_head_row(struct llama_context * ctx, int32_t i, bool * is_exact);

// The length of such a row.
LLAMA_API int32_t llama_flash_head_row_size(const struct llama_context * ctx);

// The dense head's logits [n][n_vocab] for rows [n][row size], as the model's own graph makes them from there: with its
// bias, scale and caps. 1 <= n <= LLAMA_FLASH_HEAD_MAX_CHECK. Valid until the next call; nullptr if it fails.
LLAMA_API const float * llama_flash_head_check(struct llama_context * ctx, const float * rows, int32_t n);

// FlashHead's logits [n_vocab] for a row, made like those; nullptr if the context has none, as with an adapter that
// changes the head.
LLAMA_API const float * llama_flash_head_estimate(struct llama_context * ctx, const float * row);

// Until it is called with nullptr: what llama_get_logits_ith returns, for every i.
LLAMA_API void llama_flash_head_show(struct llama_context * ctx, const float * logits);

// Whether ctx's next batches use the dense head although the model has FlashHead. Drafts of speculative decoding go on
// using FlashHead.
LLAMA_API void llama_flash_head_rest(struct llama_context * ctx, bool rests);
