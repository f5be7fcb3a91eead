//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"
)

func terminate(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
func kill(cmd *exec.Cmd)      { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// Trusted reports whether path belongs to this user or root and others cannot write it. Everything that fh-ollama runs,
// builds with or reads settings from must be: with sudo HOME may be another user's, and anybody can run a program
// called `ollama serve`.
func Trusted(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid()) && info.Mode().Perm()&0o002 == 0
}
