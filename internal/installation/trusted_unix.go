//go:build unix

package installation

import (
	"os"
	"syscall"
)

// trusted tells whether program may be run: another user's, found because it is running, could be anything, and root
// looks for Ollamas, too.
func trusted(program string) bool {
	info, err := os.Stat(program)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Getuid()) && info.Mode().Perm()&0o002 == 0
}
