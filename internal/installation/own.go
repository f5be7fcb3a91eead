package installation

import (
	"os"
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
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	bin := filepath.Dir(path)
	if filepath.Base(bin) != "bin" || !filepath.IsAbs(bin) {
		return ""
	}
	return filepath.Dir(bin)
}
