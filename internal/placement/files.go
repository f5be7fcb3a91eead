package placement

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// replace writes a file under a temporary name and renames it.
func replace(path string, data []byte, mode fs.FileMode) error {
	tmp, err := stage(path, data, mode)
	if err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// stage writes what is to become the file at path under a temporary name beside it, which neither systemd nor llama.cpp
// would load by itself. Any user may read it: Ollama's service has a user of its own.
func stage(path string, data []byte, mode fs.FileMode) (tmp string, err error) {
	tmp = filepath.Join(filepath.Dir(path), partialPrefix(path)+rand.Text()[:8])
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp)
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode) // whatever the umask
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return tmp, err
}

func partialPrefix(path string) string { return "." + filepath.Base(path) + ".partial-" }

var partialSuffix = regexp.MustCompile(`^[A-Z2-7]{8}$`)

// sweep removes what writers of the file at path left that were killed. The caller holds the lock, so nobody writes.
func sweep(path string) {
	dir := filepath.Dir(path)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		suffix, found := strings.CutPrefix(e.Name(), partialPrefix(path))
		if found && partialSuffix.MatchString(suffix) && e.Type().IsRegular() {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// missing returns dir and the folders above it that are not there, the outer first.
func missing(dir string) []string {
	var folders []string
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		folders = append(folders, dir)
	}
	slices.Reverse(folders)
	return folders
}

// makeFolders makes folders, the outer before the inner; any user may look into them.
func makeFolders(folders []string) error {
	for _, dir := range folders {
		err := os.Mkdir(dir, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = os.Chmod(dir, 0o755)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeEmpty removes those of folders that are empty, the inner before the outer, and returns what is left of them.
func removeEmpty(folders []string) (left []string) {
	for _, dir := range slices.Backward(folders) {
		if err := removeFolder(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			left = append(left, dir)
		}
	}
	slices.Reverse(left)
	return left
}

// nearest returns the innermost folder on the way to path that is there.
func nearest(path string) string {
	dir := filepath.Dir(path)
	if m := missing(dir); len(m) > 0 {
		return filepath.Dir(m[0])
	}
	return dir
}
