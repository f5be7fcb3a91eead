#include "flash-head-layout.h"

#include "ggml.h"

#include <string.h>

bool flash_head_same_layout() {
    ggml_context * ctx = ggml_init({ 4096, nullptr, /*.no_alloc =*/ true });
    if (ctx == nullptr) {
        return false;
    }
    ggml_tensor * t = ggml_new_tensor_2d(ctx, GGML_TYPE_Q8_0, 64, 3);
    ggml_set_name(t, "flash_head");
    const bool same = t->type == GGML_TYPE_Q8_0 && t->op == GGML_OP_NONE && t->ne[0] == 64 && t->ne[1] == 3
            && t->ne[3] == 1
        && t->nb[1] == ggml_row_size(GGML_TYPE_Q8_0, 64) && strcmp(t->name, "flash_head") == 0
        && t->buffer == nullptr && t->view_src == nullptr && t->data == nullptr && t->extra == nullptr;
    ggml_free(ctx);
    return same;
}
