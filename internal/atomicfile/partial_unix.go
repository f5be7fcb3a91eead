//go:build unix

package atomicfile

import (
	"errors"
	"os"
	"syscall"
)

// hold marks the file or folder at path as one that somebody uses, until what it returns is closed or the process ends.
// It fails with errHeld if another has it, and in other ways where the file system knows no locks.
func hold(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errHeld
		}
		return nil, err
	}
	return file, nil
}
