#pragma once

// The tool on borrowed libraries: its code is a shared object whose ggml is that of an installed Ollama. launcher.cpp
// loads both and calls this, the only symbol that the object exports.
//
// Loads the backends in the folder ggml, then runs the tool with its arguments and returns its exit status.
extern "C" __attribute__((visibility("default"))) int llama_flashhead_main(const char * ggml, int argc, char ** argv);
