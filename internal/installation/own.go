package installation

import (
	"os"
	"path/filepath"
)

// OwnPrefix returns the prefix that this program is installed in, links followed: the folder above its bin. It is "" for a
// program that lies in no bin. What fh-ollama runs and copies comes from there or from where the user says, never from the
// working directory, which may hold anybody's files.
func OwnPrefix() string {
	program, err := os.Executable()
	if err != nil {
		return ""
	}
	return prefixOf(program)
}

// prefixOf returns the prefix of the program at path.
func prefixOf(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	bin := filepath.Dir(path)
	if filepath.Base(bin) != "bin" || !filepath.IsAbs(bin) {
		return ""
	}
	return filepath.Dir(bin)
}
