#include "llama-flash-head-active.h"

#include "llama-model.h"

bool llama_flash_head_active(const struct llama_model * model) {
    return model->flash_head != nullptr;
}
