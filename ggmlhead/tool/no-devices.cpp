#include "commands.h"

#include <stdexcept>

// The plug-in's tool runs on a ggml that does not know the operation.
void flash_head_tool_devices(int, char **) {
    throw std::runtime_error("only the llama-flashhead of a patched build can list devices");
}
