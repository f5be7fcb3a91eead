//go:build unix

package config

import (
	"os"
	"syscall"
)

// trusted tells whether only this user and root can write the file at path. With sudo, HOME may still be another user's.
func trusted(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid()) && info.Mode().Perm()&0o002 == 0
}
