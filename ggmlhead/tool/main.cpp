// llama-flashhead: what fh-ollama leaves to ggml.

#include "commands.h"

int main(int argc, char ** argv) {
    return flash_head_tool_run(argc, argv);
}
