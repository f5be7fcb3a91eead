package atomicfile

import (
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// CacheVariable is the environment variable that names the cache folder.
const CacheVariable = "FH_OLLAMA_CACHE"

// CacheFolder returns the absolute path of the folder for sources, builds and large temporary files. It is the one that
// CacheVariable names, or fh-ollama in the user's cache folder. It need not exist.
func CacheFolder() (string, error) {
	if dir := os.Getenv(CacheVariable); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", hint.Wrap(err, "name a folder for downloads and builds in "+CacheVariable)
	}
	return filepath.Join(dir, "fh-ollama"), nil
}
