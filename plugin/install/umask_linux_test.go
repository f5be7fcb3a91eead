package install

import (
	"syscall"
	"testing"
)

// withUmask runs f with another umask, which is the whole process's.
func withUmask(t *testing.T, mask int, f func()) {
	t.Helper()
	old := syscall.Umask(mask)
	defer syscall.Umask(old)
	f()
}
