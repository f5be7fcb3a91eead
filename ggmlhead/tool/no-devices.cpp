#include "commands.h"

#include <cstdio>

// The plug-in's tool runs on a ggml that does not know the operation.
int flash_head_tool_devices(int, char **) {
    fprintf(stderr, "error: only the llama-flashhead of a patched build can list devices\n");
    return 1;
}
