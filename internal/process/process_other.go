//go:build !linux

package process

import "os/exec"

// EndWithParent has no counterpart here: cmd goes on should this process be killed, and ends when it next writes to it.
func EndWithParent(*exec.Cmd) {}
