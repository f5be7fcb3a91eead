// Package cache tells where this program keeps what it can make again: sources, builds, large temporary files.
package cache

import (
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Variable is the environment variable that names the folder.
const Variable = "FH_OLLAMA_CACHE"

// Folder is the folder that Variable names, or fh-ollama in the user's cache folder. It need not exist.
func Folder() (string, error) {
	if dir := os.Getenv(Variable); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", hint.Wrap(err, "name a folder for downloads and builds in "+Variable)
	}
	return filepath.Join(dir, "fh-ollama"), nil
}
