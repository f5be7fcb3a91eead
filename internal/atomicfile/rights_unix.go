//go:build unix

package atomicfile

import (
	"os"
	"syscall"
)

// keepRights gives file the mode of what is at path, and its owner and group as far as this user may. Rights of a group
// that cannot be kept are cut down to those of everybody.
func keepRights(file *os.File, path string) {
	info, err := os.Stat(path)
	if err != nil {
		return // nothing is replaced
	}
	perm := info.Mode().Perm()
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && file.Chown(int(owner.Uid), int(owner.Gid)) != nil &&
		file.Chown(-1, int(owner.Gid)) != nil {
		perm &= 0o707 | perm&7<<3
	}
	file.Chmod(perm) // best effort: not every file system has modes
}
