package output

import (
	"errors"
	"os"
	"path/filepath"
)

// Folder is a folder for large temporary files, for the user alone.
type Folder struct {
	Path string
	held *os.File // see hold; nil where that is not to be had
}

// NewFolder makes one in the folder for temporary files, whose name tells kind. What processes left that were killed is removed
// first.
func NewFolder(kind string) (Folder, error) {
	pattern := "fh-ollama-" + kind + "-*"
	removeAbandonedFolders(filepath.Join(os.TempDir(), pattern))
	for {
		path, err := os.MkdirTemp("", pattern)
		if err != nil {
			return Folder{}, err
		}
		held, err := hold(path)
		if _, gone := os.Lstat(path); !errors.Is(err, errHeld) && gone == nil {
			return Folder{path, held}, nil
		}
		held.Close() // taken for an abandoned one in the moment before it was held
	}
}

// Remove removes the folder with all that is in it.
func (f Folder) Remove() error {
	defer f.held.Close()
	return os.RemoveAll(f.Path)
}

// removeAbandonedFolders removes folders of this user that no process holds.
func removeAbandonedFolders(pattern string) {
	paths, _ := filepath.Glob(pattern)
	for _, path := range paths {
		if info, err := os.Lstat(path); err != nil || !info.IsDir() {
			continue
		}
		if held, err := hold(path); err == nil {
			os.RemoveAll(path)
			held.Close()
		}
	}
}
