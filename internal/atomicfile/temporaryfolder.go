package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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

// Folder is a folder for large temporary files that only this user can read.
type Folder struct {
	Path string
	held *os.File // see hold; nil if there are no locks
}

// Elsewhere is the hint if a Folder has no room or cannot be made.
const Elsewhere = "point " + CacheVariable + " at a folder on a disk with room"

const ours = "fh-ollama-" // starts the names of Folders: the user may keep others beside them

// NewFolder makes a Folder with kind in its name in TemporaryDir. It first removes folders of killed processes.
func NewFolder(kind string) (Folder, error) {
	parent, prefix := TemporaryDir(), ours+kind+"-"
	if parent != os.TempDir() {
		removeAbandonedFolders(parent, ours)
	}
	removeAbandonedFolders(os.TempDir(), prefix) // from runs without a cache
	for {
		path, err := os.MkdirTemp(parent, prefix+"*")
		if err != nil {
			return Folder{}, err
		}
		held, err := hold(path)
		if _, gone := os.Lstat(path); !errors.Is(err, errHeld) && gone == nil {
			return Folder{path, held}, nil
		}
		held.Close() // removed as abandoned before it was held
	}
}

// TemporaryDir returns the parent of Folders. It is in the cache, because TMPDIR is often small and in memory. Without
// a cache it is TMPDIR.
func TemporaryDir() string {
	if dir, err := CacheFolder(); err == nil {
		dir = filepath.Join(dir, "temporary")
		if os.MkdirAll(dir, 0o700) == nil {
			return dir
		}
	}
	return os.TempDir()
}

// Remove removes the folder with its content.
func (f Folder) Remove() error {
	defer f.held.Close()
	return os.RemoveAll(f.Path)
}

func removeAbandonedFolders(dir, prefix string) {
	removeAbandoned(dir, func(entry fs.DirEntry) bool {
		return entry.IsDir() && strings.HasPrefix(entry.Name(), prefix)
	})
}

// SharedFolder makes the folder at path unless it exists: everybody may read it, and its owner and group are those of
// the folder above as far as this user may set them.
func SharedFolder(path string) error {
	err := os.Mkdir(path, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	folder, err := openFolder(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	adopt(folder, filepath.Dir(path), 0o755)
	return nil
}
