//go:build unix

package atomicfile

import "golang.org/x/sys/unix"

// Free returns how many bytes a user may still write in dir; false if the system does not tell.
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
