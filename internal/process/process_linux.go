package process

import (
	"os/exec"
	"syscall"
)

// A server must not outlive a program that crashes: the kernel then ends it, and it ends its runners.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
