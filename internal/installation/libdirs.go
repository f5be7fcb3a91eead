package installation

import (
	"os/exec"
	"path/filepath"
)

// ToolName is the native tool of a build or of the plug-in.
const ToolName = "llama-flashhead"

// LibDirs returns the folders to search for native programs, best first. This is dir alone if it holds the native tool,
// or no ggml for a tool from elsewhere to run on. Otherwise these are lib/ollama of a patched build and lib/flashhead
// of the plug-in, in the prefix that this program is installed in.
func LibDirs(dir string) []string {
	if dir != "" && (Tool(dir) != "" || !HoldsGGML(dir)) {
		return []string{dir}
	}
	return libDirs(OwnPrefix())
}

// libDirs returns the folders of a prefix, none for "".
func libDirs(own string) []string {
	if own == "" {
		return nil
	}
	return []string{filepath.Join(own, "lib", "ollama"), filepath.Join(own, "lib", "flashhead")}
}

// Tool returns the absolute path of the native tool in dir, "" if it is not there.
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
