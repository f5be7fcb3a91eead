//go:build unix

package install

import (
	"errors"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// lock keeps other installations out of dir until release is called or the process ends.
func lock(in place, dir string) (release func(), err error) {
	f, err := in.Open(dir)
	if err != nil {
		return nil, hint.Wrap(err, permission)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, hint.New("another fh-ollama is at work in "+at(in, dir), "wait until it is done and try again")
	}
	return func() { f.Close() }, nil // the file system may have no locks
}
