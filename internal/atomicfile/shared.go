package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Share lets everybody read an unfinished file, and gives it the owner and group of its folder as far as this user may.
func (o *File) Share() { adopt(o.File, filepath.Dir(o.target), 0o644) }

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

// RemoveAbandoned removes the temporary files that killed writers of final left behind.
func RemoveAbandoned(final string) { removeAbandoned(final) }
