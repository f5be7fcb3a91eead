#pragma once

// The tool on borrowed libraries: its code is a shared object whose ggml is that of an installed Ollama. launcher.cpp
// loads both and calls the only symbol that the object exports.

// Exit status, beside the tool's own: the ggml that was given cannot be used.
#define FLASH_HEAD_NO_GGML 3

// Loads the backends in the folder ggml, then runs the tool with its arguments and returns its exit status.
extern "C" __attribute__((visibility("default"))) int llama_flashhead_main(const char * ggml, int argc, char ** argv);
