//go:build unix

package output

import (
	"os"
	"syscall"
)

// hold marks the file at path as one that somebody writes, until what it returns is closed or the process ends. It fails if
// another has it, or if the file system knows no locks.
func hold(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
