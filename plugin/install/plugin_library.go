package install

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// BuiltLibrary returns where a build puts the plug-in: the path in the prefix that this program is installed in, ""
// without a prefix.
func BuiltLibrary() string {
	own := installation.OwnPrefix()
	if own == "" {
		return ""
	}
	return libraryIn(own)
}

const rebuild = "build it: fh-ollama build --plugin"

// library returns the absolute path of the plug-in to install, after checking it.
func (o Options) library() (string, error) {
	path := o.Library
	if path == "" {
		path = o.Built
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return "", hint.New("the plug-in "+LibraryName+" was not found", rebuild+"; or name it with --lib")
		}
	}
	path, err := filepath.Abs(path)
	if err == nil {
		err = checkLibrary(path, o.IntoLib)
	}
	if err != nil {
		return "", hint.Wrap(err, rebuild+"; or name another with --lib")
	}
	return path, nil
}

// machines are the processors that Ollama for Linux is built for.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// checkLibrary returns why llama.cpp could not load path as a backend on this machine, or nil. Beside Ollama's
// libraries llama.cpp also asks a backend for its score.
func checkLibrary(path string, scored bool) error {
	f, err := elf.Open(path)
	if err != nil {
		if errors.As(err, new(*elf.FormatError)) {
			return fmt.Errorf("%s is not a shared library for Linux", path)
		}
		return err
	}
	defer f.Close()
	if f.Type != elf.ET_DYN {
		return fmt.Errorf("%s is not a shared library for Linux", path)
	}
	if want, known := machines[runtime.GOARCH]; known && f.Machine != want {
		return fmt.Errorf("%s is for another architecture, %v", path, f.Machine)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("%s is not a ggml backend: %w", path, err)
	}
	names := []string{"ggml_backend_init"}
	if scored {
		names = append(names, "ggml_backend_score")
	}
	for _, name := range names {
		if !slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == name && s.Section != elf.SHN_UNDEF }) {
			return fmt.Errorf("%s is not a ggml backend, it has no %s", path, name)
		}
	}
	return nil
}
