//go:build unix

// Package trust tells whether somebody else can write what this program reads settings from, builds with or runs.
package trust

import (
	"os"
	"syscall"
)

// Own tells whether the file or folder at path belongs to this user or root, and not everybody may write it. With sudo,
// HOME may still be another user's.
func Own(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid()) && info.Mode().Perm()&0o002 == 0
}
