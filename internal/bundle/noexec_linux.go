package bundle

import "golang.org/x/sys/unix"

// forbidsPrograms reports whether the file system of dir is mounted with noexec.
func forbidsPrograms(dir string) bool {
	var s unix.Statfs_t
	return unix.Statfs(dir, &s) == nil && s.Flags&unix.ST_NOEXEC != 0
}
