//go:build !linux

package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// syncTree waits until all files below dir are on the disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && runtime.GOOS == "windows" { // where folders cannot be synced
			return err
		}
		f, err := os.OpenFile(path, syncMode(d), 0)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// syncMode is how a file has to be open to be synced: Windows wants to write, and nobody writes to a folder.
func syncMode(d fs.DirEntry) int {
	if d.IsDir() {
		return os.O_RDONLY
	}
	return os.O_RDWR
}
