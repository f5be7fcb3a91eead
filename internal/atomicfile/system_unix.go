//go:build unix

package atomicfile

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Free returns the bytes that a user can still write in dir; false if unknown.
func Free(dir string) (int64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(uint64(s.Bavail) * uint64(s.Bsize)), true
}

// Same reports whether two folders are on one file system.
func Same(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev == y.Dev
}

// hold locks the file or folder at path until its result is closed or the process ends. It fails with errHeld if
// another process holds the lock, and with another error if the file system has no locks.
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

// keepRights gives file the mode of the file at path, and its owner and group as far as this user may. If the group
// cannot be kept, it gets no more rights than everybody.
func keepRights(file *os.File, path string) {
	info, err := os.Stat(path)
	if err != nil {
		return // nothing is replaced
	}
	perm := info.Mode().Perm()
	owner := info.Sys().(*syscall.Stat_t)
	if file.Chown(int(owner.Uid), int(owner.Gid)) != nil && file.Chown(-1, int(owner.Gid)) != nil {
		perm &= 0o707 | perm&7<<3
	}
	file.Chmod(perm) // best effort: not every file system has modes
}

// adopt gives the open file or folder the owner and group of the folder parent, as far as this user may, and the mode
// perm.
func adopt(file *os.File, parent string, perm os.FileMode) {
	if info, err := os.Stat(parent); err == nil {
		owner := info.Sys().(*syscall.Stat_t)
		file.Chown(int(owner.Uid), int(owner.Gid)) // only root may
	}
	file.Chmod(perm) // best effort: not every file system has modes
}

// openFolder opens a folder, but not behind a link.
func openFolder(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_DIRECTORY, 0)
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
