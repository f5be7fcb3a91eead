package process

import (
	"os/exec"
	"syscall"
)

// ownGroup also makes the kernel terminate the server if this process crashes. The server ends its runners.
func ownGroup(cmd *exec.Cmd) {
	attributes := attributesOf(cmd)
	attributes.Setpgid, attributes.Pdeathsig = true, syscall.SIGTERM
}

// EndWithParent makes the kernel kill cmd if this process is killed or crashes.
func EndWithParent(cmd *exec.Cmd) {
	attributesOf(cmd).Pdeathsig = syscall.SIGKILL
}

// attributesOf returns cmd's attributes, which may hold the account to run as.
func attributesOf(cmd *exec.Cmd) *syscall.SysProcAttr {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	return cmd.SysProcAttr
}
