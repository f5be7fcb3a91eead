package installation

import (
	"os"
	"os/exec"
	"path/filepath"
)

// OwnPrefix returns PREFIX if this program is PREFIX/bin/…, links resolved, else "". fh-ollama runs and copies files
// from there or from a path that the user gives. It never uses the working directory, where anybody may have put files.
func OwnPrefix() string {
	program, err := os.Executable()
	if err != nil {
		return ""
	}
	return prefixOf(program)
}

func prefixOf(path string) string {
	bin := filepath.Dir(resolve(path))
	if filepath.Base(bin) != "bin" || !filepath.IsAbs(bin) {
		return ""
	}
	return filepath.Dir(bin)
}

// Names of the native tool. That of the plug-in runs on an installed Ollama's ggml; its code is a library beside it.
const (
	ToolName     = "llama-flashhead"
	ToolCodeName = "libflashhead-tool.so"
)

// LibDirs returns the folders to search for native programs, best first: dir if it is Only, otherwise lib/ollama
// (patched build) and lib/flashhead (plug-in) in the prefix of this program.
func LibDirs(dir string) []string {
	if Only(dir) {
		return []string{dir}
	}
	return libDirs(OwnPrefix())
}

// Only reports whether native programs are searched in a user's folder dir alone: it holds the native tool, or it has
// no ggml on which another tool could run. It is false for no folder, "".
func Only(dir string) bool { return dir != "" && (Tool(dir) != "" || !HoldsGGML(dir)) }

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
