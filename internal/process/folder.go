package process

import (
	"os/exec"
	"path/filepath"
)

// InOwnFolder has cmd, a program of llama.cpp, run in its own folder, where its libraries are: ggml also loads every
// libggml-NAME-*.so of the working directory, which may hold anybody's files. Paths among its arguments must be
// absolute.
func InOwnFolder(cmd *exec.Cmd) { cmd.Dir = filepath.Dir(cmd.Path) }

// Absolute is a path for a program that runs elsewhere than this one.
func Absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path // the program says what is wrong with it
}
