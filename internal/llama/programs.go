// Package llama runs programs of llama.cpp on a model: llama-perplexity over a text, llama-server for continuations,
// llama-bench for speed.
package llama

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

const (
	perplexityName = "llama-perplexity"
	serverName     = "llama-server"
	benchName      = "llama-bench"
)

// Programs are the programs of one build of llama.cpp.
type Programs struct {
	Folder     string // absolute
	perplexity string
	server     string
	bench      string
}

// Find returns llama-perplexity and llama-server in dir, or, if that is "", in the first folder of a build where they
// are.
func Find(dir string) (Programs, error) {
	folder, err := find(dir, perplexityName, serverName)
	return Programs{Folder: folder, perplexity: filepath.Join(folder, perplexityName),
		server: filepath.Join(folder, serverName)}, err
}

// FindBench returns llama-bench and nothing else, from where Find would look for it.
func FindBench(dir string) (Programs, error) {
	folder, err := find(dir, benchName)
	return Programs{Folder: folder, bench: filepath.Join(folder, benchName)}, err
}

// find returns the absolute path of dir, or, if that is "", of the first folder of a build, if the programs are there.
func find(dir string, programs ...string) (string, error) {
	dirs := []string{dir}
	if dir == "" {
		dirs = installation.LibDirs("")
	}
	missing := programs[0]
	for _, d := range dirs {
		abs, err := filepath.Abs(d)
		if err != nil {
			return "", hint.Wrap(err, "name the folder with its whole path")
		}
		absent := slices.IndexFunc(programs, func(name string) bool {
			_, err := exec.LookPath(filepath.Join(abs, name))
			return err != nil
		})
		if absent < 0 {
			return abs, nil
		}
		if absent > 0 {
			missing = programs[absent]
		}
	}
	cause := "the program " + missing + " is not there"
	if dir != "" {
		cause += ": " + dir
	}
	return "", hint.New(cause,
		"Ollama's releases come without it: build one with fh-ollama build, or name the folder with --lib or FH_OLLAMA_LIB")
}

// FindServer returns a llama-server and nothing else: the one in dir, or that of the first folder of a build, or that
// of the best Ollama in places that this user may trust.
func FindServer(ctx context.Context, dir string, places installation.Places) (Programs, error) {
	dirs := installation.LibDirs(dir)
	if dir != "" {
		dirs = append([]string{dir}, dirs...)
	}
	for _, d := range dirs {
		if p, ok := server(d); ok {
			return p, nil
		}
	}
	found, err := installation.Find(ctx, places)
	if err != nil && !errors.Is(err, installation.ErrNone) {
		return Programs{}, err
	}
	for _, ollama := range found {
		if p, ok := server(ollama.LibDir); ok && ollama.Trusted() {
			return p, nil
		}
	}
	return Programs{}, hint.New("the program "+serverName+", which runs the model, is not there",
		"install Ollama 0.30 or newer, or build one with fh-ollama build, or name the folder with --lib or FH_OLLAMA_LIB")
}

// server returns the llama-server in dir.
func server(dir string) (Programs, bool) {
	abs, err := filepath.Abs(dir)
	if dir == "" || err != nil {
		return Programs{}, false
	}
	path, err := exec.LookPath(filepath.Join(abs, serverName))
	return Programs{Folder: abs, server: path}, err == nil
}

// kept are variables of the user's that hold for the programs too: settings of FlashHead that say how it works, not
// what it computes, and the plug-in for a build without FlashHead.
var kept = []string{"FLASHHEAD_CENTROID_TYPE", "FLASHHEAD_REORDER", "GGML_BACKEND_PATH"}

// environment returns what of environ programs may see, nothing that would steer the head or llama.cpp behind our back,
// and settings.
func environment(environ, settings []string) []string {
	return append(process.Pass(environ, kept...), settings...)
}

// command prepares a program with its whole output going to log.
func command(cmd *exec.Cmd, settings []string, log *log) *exec.Cmd {
	cmd.Env = environment(os.Environ(), settings)
	cmd.Stdout, cmd.Stderr = log, log
	process.EndWithParent(cmd) // process.Start has its own way
	process.InOwnFolder(cmd)
	return cmd
}

// verbose makes a program log what FlashHead does.
var verbose = []string{"--log-verbosity", "4", "--log-colors", "off"}
