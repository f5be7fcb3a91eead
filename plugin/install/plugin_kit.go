package install

import (
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// Names of the files in a kit beside the plug-in: fh-ollama and the native tool.
const (
	programName  = "fh-ollama"
	toolName     = installation.ToolName
	toolCodeName = "libflashhead-tool.so"
)

// kit is a copy of this program and its files, in the layout of a build. Without the original build the printed
// commands still work, and so does another install after an update of Ollama.
type kit struct {
	program string
	files   []kitFile
}

type kitFile struct {
	from, to string
	mode     os.FileMode
}

// libraryIn is the path of the plug-in in a kit at base.
func libraryIn(base string) string { return filepath.Join(base, "lib", "flashhead", LibraryName) }

// kit plans a copy at base of this program, the plug-in at library, and the native tool beside that. It is empty if one
// of them is missing.
func (o Options) kit(base, library string) kit {
	from := filepath.Dir(library)
	to := filepath.Dir(libraryIn(base))
	k := kit{program: filepath.Join(base, "bin", programName)}
	for _, f := range []kitFile{
		{o.Program, k.program, 0o755},
		{filepath.Join(from, toolName), filepath.Join(to, toolName), 0o755},
		{filepath.Join(from, toolCodeName), filepath.Join(to, toolCodeName), 0o644},
		{library, libraryIn(base), 0o644},
	} {
		if info, err := os.Stat(f.from); err != nil || !info.Mode().IsRegular() {
			return kit{}
		}
		k.files = append(k.files, f)
	}
	return k
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
