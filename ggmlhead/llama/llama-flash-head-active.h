#pragma once

// What programs that use libllama ask about a model's FlashHead.

#include "llama.h"

// Whether the head of a loaded model is FlashHead; false if it stays dense. Single graphs may be dense all the same.
LLAMA_API bool llama_flash_head_active(const struct llama_model * model);
