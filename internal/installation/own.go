package installation

import (
	"os"
	"path/filepath"
)

// OwnPrefix returns the folder above the bin in which this program is installed, links followed, "" if it is in no bin.
// What fh-ollama runs and copies comes from there or from a path that the user gives. It never comes from the working
// directory, which may hold files of anybody.
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
