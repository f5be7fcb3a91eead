package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
)

// Compiler is a command line to call a compiler: `ccache gcc -m64` has a launcher, a program and an argument.
type Compiler struct {
	Launcher string // path of ccache or similar, "" for none
	Path     string
	Args     []string // precede all others
}

// launchers run the compiler that their first argument names. CMake must know the compiler itself, to identify it.
var launchers = []string{"ccache", "sccache", "distcc", "icecc", "buildcache"}

// parseCompiler reads the value of CC or CXX: the path of a program, or a shell command line. Programs are looked up in
// PATH.
func parseCompiler(text string) (Compiler, bool) {
	if path, err := exec.LookPath(text); err == nil { // may contain spaces
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

// program returns the name of the program at path.
func program(path string) string { return strings.TrimSuffix(filepath.Base(path), ".exe") }

// command returns the command line without the launcher.
func (c Compiler) command(args ...string) []string {
	return slices.Concat([]string{c.Path}, c.Args, args)
}

// cmake is the value of CMake's variable for the compiler: a list of quoted words.
func (c Compiler) cmake() string {
	words := []string{c.Path}
	for _, arg := range c.Args {
		words = append(words, commandline.Quote(arg))
	}
	return strings.Join(words, ";")
}

// env is the value of CC or CXX for Go: words, quoted if they contain spaces. Go has its own cache and needs no
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

// findCompiler returns the compiler that the variable env names, or else the first of names in PATH. It adds ccache, if
// installed, where no launcher is named.
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

// compilerArgs are CMake's arguments for the compiler of a language: C, CXX or CUDA.
func compilerArgs(language string, c Compiler) []string {
	args := []string{"-DCMAKE_" + language + "_COMPILER=" + c.cmake()}
	if c.Launcher != "" {
		args = append(args, "-DCMAKE_"+language+"_COMPILER_LAUNCHER="+c.Launcher)
	}
	return args
}
