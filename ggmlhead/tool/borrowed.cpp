#include "borrowed.h"

#include "commands.h"
#include "flash-head-layout.h"
#include "ggml-backend.h"

#include <cstdio>
#include <cstdlib>

int llama_flashhead_main(const char * ggml, int argc, char ** argv) {
    ggml_log_set([](enum ggml_log_level, const char *, void *) {}, nullptr);
    if (!flash_head_same_layout()) {
        fprintf(stderr, "error: the ggml in %s is too different from the one that this tool was built for\n", ggml);
        return FLASH_HEAD_NO_GGML;
    }
    unsetenv("GGML_BACKEND_PATH");    // names a plug-in, which clustering does not need
    ggml_backend_load_all_from_path(ggml);
    return flash_head_tool_run(argc, argv);
}
