package placement

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// supported returns nil where Ollama loads libraries as the plug-in needs it.
func supported() error { return nil }

// mayWrite tells whether this user may make, replace and remove files in dir.
func mayWrite(dir string) bool {
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS) == nil
}

// removeFolder removes an empty folder, and nothing else: os.Remove would unlink a file or a link.
func removeFolder(dir string) error {
	if err := unix.Rmdir(dir); err != nil {
		return &os.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// lock makes others that install or uninstall wait outside of dir, until the returned function is called.
func lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		f.Close()
		return nil, hint.New(fmt.Sprintf("another fh-ollama installs or uninstalls in %s", dir), "wait until it is done and try again")
	case err != nil: // a file system without locks
	}
	return func() { f.Close() }, nil
}
