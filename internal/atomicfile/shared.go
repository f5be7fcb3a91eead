package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ReplaceShared is Replace for a file that everybody may read and that belongs to the owner of its folder, as far as this
// user may set that. If final is a symbolic link, the link is replaced, not its target: root may write for a user who
// could link final to any file.
func ReplaceShared(final, flag string, need int64) (*File, error) {
	o := &File{final: final, target: final, flag: flag, replace: true, shared: true}
	return o.create(need, 0o600)
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
