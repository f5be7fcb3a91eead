// Package llama runs llama.cpp's programs: llama-perplexity, llama-server and llama-bench.
package llama

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

const (
	perplexityName = "llama-perplexity"
	serverName     = "llama-server"
	benchName      = "llama-bench"
)

// Programs are the programs of one build of llama.cpp.
type Programs struct {
	Folder string // absolute
}

func (p Programs) path(name string) string { return filepath.Join(p.Folder, name) }

// in returns the programs in dir, and the first of names that is not there; "" if all are.
func in(dir string, names ...string) (p Programs, missing string) {
	abs, err := filepath.Abs(dir)
	if dir == "" || err != nil {
		return Programs{}, names[0]
	}
	p = Programs{Folder: abs}
	for _, name := range names {
		if _, err := exec.LookPath(p.path(name)); err != nil {
			return p, name
		}
	}
	return p, ""
}

// ServerIn returns the llama-server in dir.
func ServerIn(dir string) (Programs, bool) {
	p, missing := in(dir, serverName)
	return p, missing == ""
}

// Find returns llama-perplexity and llama-server in dir, or in the first build that has both if dir is "".
func Find(dir string) (Programs, error) { return find(dir, perplexityName, serverName) }

// FindBench returns llama-bench, and llama-server if answers are asked for, in dir, or in the first build that has them
// if dir is "".
func FindBench(dir string, answers bool) (Programs, error) {
	if answers {
		return find(dir, benchName, serverName)
	}
	return find(dir, benchName)
}

// find returns the programs in dir, or in the first build that has those named if dir is "".
func find(dir string, names ...string) (Programs, error) {
	dirs := []string{dir}
	if dir == "" {
		dirs = installation.LibDirs("")
	}
	cause := names[0]
	for _, d := range dirs {
		p, missing := in(d, names...)
		if missing == "" {
			return p, nil
		}
		if missing != names[0] {
			cause = missing
		}
	}
	if cause = "the program " + cause + " was not found"; dir != "" {
		cause += ": " + dir
	}
	return Programs{}, hint.New(cause,
		"Ollama's releases come without it: build one with fh-ollama build, or name the folder with --lib or FH_OLLAMA_LIB")
}

// FindServer returns a llama-server: the one in dir, or that of the first build, or that of the first Ollama in places
// that nobody else can write.
func FindServer(ctx context.Context, dir string, places installation.Places) (Programs, error) {
	for _, d := range append([]string{dir}, installation.LibDirs(dir)...) {
		if p, ok := ServerIn(d); ok {
			return p, nil
		}
	}
	found, err := installation.Find(ctx, places)
	if err != nil && !errors.Is(err, installation.ErrNone) {
		return Programs{}, err
	}
	for _, ollama := range found {
		if p, ok := ServerIn(ollama.LibDir); ok && ollama.Trusted() {
			return p, nil
		}
	}
	return Programs{}, hint.New("the program "+serverName+", which runs the model, was not found",
		"install Ollama 0.30 or newer, or build one with fh-ollama build, or name the folder with --lib or FH_OLLAMA_LIB")
}

// kept are the user's variables that the programs see. They say how FlashHead computes, not what, and where maps and
// the plug-in are.
var kept = []string{"FLASHHEAD_CENTROID_TYPE", "FLASHHEAD_REORDER", mapfile.FolderVariable,
	"GGML_BACKEND_PATH"}

// environment returns environ and settings, without the user's other variables for llama.cpp and FlashHead.
func environment(environ, settings []string) []string {
	return append(process.Pass(environ, kept...), settings...)
}

// command prepares a program that writes its output to log.
func command(cmd *exec.Cmd, settings []string, log *log) *exec.Cmd {
	cmd.Env = environment(os.Environ(), settings)
	cmd.Stdout, cmd.Stderr = log, log
	process.EndWithParent(cmd)
	process.InOwnFolder(cmd)
	return cmd
}

// verbose makes a program log FlashHead's lines.
var verbose = []string{"--log-verbosity", "4", "--log-colors", "off"}
