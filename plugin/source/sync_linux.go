package source

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncTree waits until all files below dir are on the disk: by one call for its file system, as a call for each of thousands
// of files takes as many turns of the disk.
func syncTree(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}
