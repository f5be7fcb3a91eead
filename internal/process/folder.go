package process

import (
	"os/exec"
	"path/filepath"
)

// InOwnFolder runs cmd, a program of llama.cpp, in its own folder. ggml also loads libggml-NAME-*.so from the working
// directory, where anybody may have put files. Paths in cmd.Args must be absolute.
func InOwnFolder(cmd *exec.Cmd) { cmd.Dir = filepath.Dir(cmd.Path) }

// Absolute returns the absolute path for a program in another working directory.
func Absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path // the program reports the error
}
