//go:build unix

package prefix

import (
	"errors"
	"os"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// lock keeps other installations out of root until release is called or the process ends.
func lock(root *os.Root) (release func(), err error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, hint.Wrap(err, way)
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		dir.Close()
		return nil, hint.New("another fh-ollama is at work in "+root.Name(), "wait for its end, then run the same command again")
	}
	return func() { dir.Close() }, nil // file systems without locks have to do without
}
