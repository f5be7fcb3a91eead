#pragma once

// What programs that use libllama ask about a model's FlashHead.

#include "llama.h"

// Whether a loaded model has FlashHead; false if its head stays dense. Single graphs may be dense all the same, as
// those of a side of speculative decoding that is not in FLASHHEAD_SCOPE are.
LLAMA_API bool llama_flash_head_active(const struct llama_model * model);
