#pragma once

// The tool on borrowed libraries: its code is a shared object that uses an installed Ollama's ggml. launcher.cpp loads
// both and calls the object's only exported symbol.

// Exit status, besides the tool's own: the given ggml cannot be used.
#define FLASH_HEAD_NO_GGML 3

// Loads the backends in the folder ggml, then runs the tool with its arguments and returns its exit status.
extern "C" __attribute__((visibility("default"))) int llama_flashhead_main(const char * ggml, int argc, char ** argv);
