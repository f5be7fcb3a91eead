package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Folder is a folder for large temporary files, for the user alone.
type Folder struct {
	Path string
	held *os.File // see hold; nil where that is not to be had
}

// Elsewhere is the way out where a Folder has no room or cannot be made.
const Elsewhere = "point " + CacheVariable + " at a folder on a disk with room"

// NewFolder makes one, whose name tells kind, in TemporaryDir. What processes left that were killed is removed first.
func NewFolder(kind string) (Folder, error) {
	parent, prefix := TemporaryDir(), "fh-ollama-"+kind+"-"
	if parent != os.TempDir() {
		removeAbandonedFolders(parent, "") // all in there are ours
	}
	removeAbandonedFolders(os.TempDir(), prefix) // where there is no cache, and of earlier versions
	for {
		path, err := os.MkdirTemp(parent, prefix+"*")
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

// TemporaryDir is where a Folder is made: in the cache, for TMPDIR is often memory, and small. Where there can be no
// cache it is TMPDIR.
func TemporaryDir() string {
	if dir, err := CacheFolder(); err == nil {
		dir = filepath.Join(dir, "temporary")
		if os.MkdirAll(dir, 0o700) == nil {
			return dir
		}
	}
	return os.TempDir()
}

// Remove removes the folder with all that is in it.
func (f Folder) Remove() error {
	defer f.held.Close()
	return os.RemoveAll(f.Path)
}

// removeAbandonedFolders removes folders of this user in dir, with that prefix, that no process holds.
func removeAbandonedFolders(dir, prefix string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), prefix) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		if held, err := hold(path); err == nil {
			os.RemoveAll(path)
			held.Close()
		}
	}
}
