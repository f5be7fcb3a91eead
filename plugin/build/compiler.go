package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
)

// Compiler is how a compiler is called: `ccache gcc -m64` has a launcher, a program and an argument.
type Compiler struct {
	Launcher string // path of ccache or one of its kind, "" for none
	Path     string
	Args     []string // before all others
}

// launchers are programs that run a compiler which their first argument names. CMake has to know them apart: it looks at the
// compiler itself to find out which one it is.
var launchers = []string{"ccache", "sccache", "distcc", "icecc", "buildcache"}

// parseCompiler finds the programs of a command line in PATH, as the variables CC and CXX have it: one program, or words as
// a shell reads them.
func parseCompiler(text string) (Compiler, bool) {
	if path, err := exec.LookPath(text); err == nil { // its name may have spaces
		return Compiler{Path: path}, true
	}
	words, err := commandline.Split(text)
	if err != nil || len(words) == 0 {
		return Compiler{}, false
	}
	var c Compiler
	if slices.Contains(launchers, program(words[0])) && len(words) > 1 {
		if c.Launcher, err = exec.LookPath(words[0]); err != nil {
			return Compiler{}, false
		}
		words = words[1:]
	}
	c.Path, err = exec.LookPath(words[0])
	c.Args = words[1:]
	return c, err == nil
}

// program is the name of the program at path.
func program(path string) string { return strings.TrimSuffix(filepath.Base(path), ".exe") }

// command is the compiler with its own arguments and more, without the launcher.
func (c Compiler) command(args ...string) []string {
	return slices.Concat([]string{c.Path}, c.Args, args)
}

// cmake is the compiler as CMake takes it, a list in which arguments are written as in a command line.
func (c Compiler) cmake() string {
	words := []string{c.Path}
	for _, arg := range c.Args {
		words = append(words, commandline.Quote(arg))
	}
	return strings.Join(words, ";")
}

// env is the compiler as Go takes it in CC and CXX: words, quoted where they have spaces. Go has a cache of its own and needs no
// launcher.
func (c Compiler) env() string {
	words := c.command()
	for i, word := range words {
		switch {
		case strings.ContainsAny(word, " \t\n'") && !strings.Contains(word, `"`):
			words[i] = `"` + word + `"`
		case strings.ContainsAny(word, " \t\n\""):
			words[i] = "'" + word + "'"
		}
	}
	return strings.Join(words, " ")
}

// findCompiler returns the compiler that the variable env names, or else the first of names in PATH, with ccache as its
// launcher where it has none and there is one. ok is false if it is not there.
func findCompiler(env string, names []string) (c Compiler, ok bool) {
	if named := os.Getenv(env); named != "" {
		names = []string{named}
	}
	for _, name := range names {
		if c, ok = parseCompiler(name); ok {
			break
		}
	}
	if ok && c.Launcher == "" && !slices.Contains(launchers, program(c.Path)) {
		c.Launcher, _ = exec.LookPath("ccache")
	}
	return c, ok
}

// compilerArgs are CMake's arguments for a language: C, CXX or CUDA.
func compilerArgs(language string, c Compiler) []string {
	args := []string{"-DCMAKE_" + language + "_COMPILER=" + c.cmake()}
	if c.Launcher != "" {
		args = append(args, "-DCMAKE_"+language+"_COMPILER_LAUNCHER="+c.Launcher)
	}
	return args
}
