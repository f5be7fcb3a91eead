package installation

import (
	"os/exec"
	"path/filepath"
)

// ToolName is the native tool of a build or of the plug-in.
const ToolName = "llama-flashhead"

// LibDirs returns the folders to search for native programs, best first. It is dir alone if dir holds the native tool,
// or if dir has no ggml on which the tool of another folder could run. Otherwise it is lib/ollama (patched build) and
// lib/flashhead (plug-in) in the prefix of this program.
func LibDirs(dir string) []string {
	if dir != "" && (Tool(dir) != "" || !HoldsGGML(dir)) {
		return []string{dir}
	}
	return libDirs(OwnPrefix())
}

func libDirs(own string) []string {
	if own == "" {
		return nil
	}
	return []string{filepath.Join(own, "lib", "ollama"), filepath.Join(own, "lib", "flashhead")}
}

// Tool returns the absolute path of the native tool in dir, "" if there is none.
func Tool(dir string) string {
	abs, err := filepath.Abs(filepath.Join(dir, ToolName))
	if err != nil {
		return ""
	}
	path, err := exec.LookPath(abs)
	if err != nil {
		return ""
	}
	return path
}

// HoldsGGML reports whether ggml's libraries lie in dir.
func HoldsGGML(dir string) bool {
	found, _ := filepath.Glob(filepath.Join(dir, "libggml-base.so*"))
	return len(found) > 0
}
