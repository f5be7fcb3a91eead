// Package cluster runs the native tool, which clusters the rows of an output head and lists the devices of its build.
package cluster

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// toolName is the native program that a build puts beside llama-server.
const toolName = "llama-flashhead"

// LibDirs returns the folders to search for native programs, best first: dir alone if it is given, else lib/ollama of the
// prefix that this program runs from, then that of the default prefix of a build below the working directory.
func LibDirs(dir string) []string {
	if dir != "" {
		return []string{dir}
	}
	var dirs []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dirs = append(dirs, filepath.Join(filepath.Dir(exe), "..", "lib", "ollama"))
	}
	return append(dirs, filepath.Join("dist", "lib", "ollama"))
}

// FindTool returns the path of the native tool in the first of dirs that has it.
func FindTool(dirs []string) (string, error) {
	for _, dir := range dirs {
		abs, err := filepath.Abs(filepath.Join(dir, toolName))
		if err != nil {
			continue
		}
		if path, err := exec.LookPath(abs); err == nil {
			return path, nil
		}
	}
	return "", hint.New("the native tool "+toolName+" is not there",
		"build it first: fh-ollama build; or name its folder in FH_OLLAMA_LIB")
}
