package install

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// Names of the files in a kit beside the plug-in: fh-ollama and the native tool.
const (
	programName  = "fh-ollama"
	toolName     = installation.ToolName
	toolCodeName = installation.ToolCodeName
)

// kit is a copy of this program and its files, in the layout of a build. Without the original build the printed
// commands still work, and so does another install after an update of Ollama.
type kit struct {
	program string
	files   []file
}

// libraryIn is the path of the plug-in in a kit at base.
func libraryIn(base string) string { return filepath.Join(base, "lib", "flashhead", LibraryName) }

// kit plans a copy at base of this program and of the plug-in with its native tool. It is empty if one of them is
// missing.
func (o Options) kit(base string, p plugin) (kit, error) {
	library := libraryIn(base)
	k := kit{program: filepath.Join(base, "bin", programName)}
	for _, f := range []struct {
		from fs.FS
		name string
		to   string
		mode fs.FileMode
	}{
		{os.DirFS(filepath.Dir(o.Program)), filepath.Base(o.Program), k.program, 0o755},
		{p.folder, toolName, filepath.Join(filepath.Dir(library), toolName), 0o755},
		{p.folder, toolCodeName, filepath.Join(filepath.Dir(library), toolCodeName), 0o644},
	} {
		if info, err := fs.Stat(f.from, f.name); err != nil || !info.Mode().IsRegular() {
			return kit{}, nil
		}
		data, err := fs.ReadFile(f.from, f.name)
		if err != nil {
			return kit{}, hint.Wrap(err, rebuild)
		}
		k.files = append(k.files, file{path: f.to, data: data, mode: f.mode})
	}
	k.files = append(k.files, file{path: library, data: p.library, mode: 0o644})
	return k, nil
}

// fhOllama is this program's name on a command line.
func (o Options) fhOllama(t target) string {
	program := o.Program
	if len(t.kit.files) > 0 {
		program = t.kit.program
	}
	if program == "" {
		return programName
	}
	return commandline.Quote(program)
}

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

// plugin is the plug-in to install.
type plugin struct {
	path    string // absolute path of the library; "" for the one inside this program
	library []byte // its content
	folder  fs.FS  // with the native tool, if there is one
}

// plugin reads and checks the plug-in to install.
func (o Options) plugin() (plugin, error) {
	path := o.Library
	if path == "" {
		path = o.Built
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return o.bundled()
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return plugin{}, err
	}
	p := plugin{path: path, folder: os.DirFS(filepath.Dir(path))}
	if p.library, err = os.ReadFile(path); err == nil {
		err = checkLibrary(path, p.library, o.IntoLib)
	}
	if err != nil {
		return plugin{}, hint.Wrap(err, rebuild+"; or name another with --lib")
	}
	return p, nil
}

// bundled is plugin for the one inside this program.
func (o Options) bundled() (p plugin, err error) {
	if o.Bundle.Empty() {
		return plugin{}, hint.New("the plug-in "+LibraryName+" was not found; only a released fh-ollama has it inside",
			rebuild+", then run the install that it prints; or name it with --lib")
	}
	p.folder = o.Bundle
	if p.library, err = fs.ReadFile(p.folder, LibraryName); err != nil {
		return plugin{}, err
	}
	if err := checkLibrary("the plug-in inside this program", p.library, o.IntoLib); err != nil {
		return plugin{}, hint.Wrap(err, "download the fh-ollama for this machine; or "+rebuild)
	}
	return p, nil
}

// machines are the processors that Ollama for Linux is built for.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// checkLibrary returns why llama.cpp could not load a library with this content as a backend on this machine, or nil.
// name is for the error. Beside Ollama's libraries llama.cpp also asks a backend for its score.
func checkLibrary(name string, content []byte, scored bool) error {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil || f.Type != elf.ET_DYN {
		return fmt.Errorf("%s is not a shared library for Linux", name)
	}
	if want, known := machines[runtime.GOARCH]; known && f.Machine != want {
		return fmt.Errorf("%s is for another architecture, %v", name, f.Machine)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("%s is not a ggml backend: %w", name, err)
	}
	exports := []string{"ggml_backend_init"}
	if scored {
		exports = append(exports, "ggml_backend_score")
	}
	for _, export := range exports {
		if !slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == export && s.Section != elf.SHN_UNDEF }) {
			return fmt.Errorf("%s is not a ggml backend, it has no %s", name, export)
		}
	}
	return nil
}
