package install

import (
	"io/fs"
	"os"
	"path/filepath"

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
