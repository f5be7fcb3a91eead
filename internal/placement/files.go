package placement

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// replace writes a file under a temporary name, which neither systemd nor llama.cpp would load, and renames it. Any
// user may read it: Ollama's service has a user of its own.
func replace(path string, data []byte) (err error) {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".partial-"+rand.Text()[:8])
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp)
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644) // whatever the umask
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, path)
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
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
