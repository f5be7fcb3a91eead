// llama-flashhead of the plug-in: the same tool, on the ggml of an installed Ollama, which it is told with --ggml.

#include "borrowed.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <string>

static const char * USAGE =
    "usage: llama-flashhead --ggml DIR COMMAND ...\n"
    "           DIR holds ggml's libraries, as lib/ollama of an Ollama does; --ggml DIR --help tells the commands\n";

// Loads a library for good, its symbols for those that come after it.
static bool load(const std::string & path) {
    return dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr;
}

int main(int argc, char ** argv) {
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(USAGE, stdout);
        return 0;
    }
    if (argc < 3 || strcmp(argv[1], "--ggml") != 0) {
        fprintf(stderr, "error: --ggml DIR must come first; try --help\n");
        return 2;
    }
    const std::string dir = argv[2];
    if (!load(dir + "/libggml-base.so.0") || !load(dir + "/libggml.so.0")) {
        fprintf(stderr, "error: no ggml in %s: %s\n", dir.c_str(), dlerror());
        return FLASH_HEAD_NO_GGML;
    }
    void * tool = dlopen("libflashhead-tool.so", RTLD_NOW);    // found beside this program
    void * run  = tool ? dlsym(tool, "llama_flashhead_main") : nullptr;
    if (run == nullptr) {
        fprintf(stderr, "error: cannot use the ggml in %s: %s\n", dir.c_str(), dlerror());
        return FLASH_HEAD_NO_GGML;
    }
    // the tool sees its own name and the command
    argv[2] = argv[0];
    return ((decltype(&llama_flashhead_main)) run)(dir.c_str(), argc - 2, argv + 2);
}
