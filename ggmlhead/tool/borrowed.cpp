#include "borrowed.h"

#include "commands.h"
#include "ggml-backend.h"

#include <cstdio>
#include <cstdlib>

// Whether ggml lays out a tensor as this file was compiled to see it: the name comes after all that the tool uses.
static bool same_tensors(void) {
    struct ggml_init_params params = { 2*ggml_tensor_overhead(), nullptr, /*no_alloc =*/ true };
    struct ggml_context * ctx = ggml_init(params);
    struct ggml_tensor  * t   = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 1);
    char mark = 0;
    t->data = &mark;
    const bool same = ggml_get_name(t) == t->name && ggml_get_data(t) == &mark;
    ggml_free(ctx);
    return same;
}

int llama_flashhead_main(const char * ggml, int argc, char ** argv) {
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr);
    if (!same_tensors()) {
        fprintf(stderr, "error: the ggml in %s is too different from the one that this tool was built for\n", ggml);
        return FLASH_HEAD_NO_GGML;
    }
    unsetenv("GGML_BACKEND_PATH");    // names a plug-in, which has no part in clustering
    ggml_backend_load_all_from_path(ggml);
    return flash_head_tool_run(argc, argv);
}
