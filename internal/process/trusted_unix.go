//go:build unix

package process

import (
	"os"
	"syscall"
)

// Trusted reports whether path belongs to this user or root and is not writable by everybody. What this program reads
// settings from, builds with or runs must be: with sudo, HOME may be another user's, and a program that calls itself
// `ollama serve` may be anybody's.
func Trusted(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid()) && info.Mode().Perm()&0o002 == 0
}
