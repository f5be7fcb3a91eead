//go:build !linux

package process

import "os/exec"

// EndWithParent does nothing: if this process is killed, cmd ends when it next writes to it.
func EndWithParent(*exec.Cmd) {}
