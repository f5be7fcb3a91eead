package process

import "os/exec"

// Windows has no signal for a group; the server ends its runners when it is killed (they share a job object).
func ownGroup(*exec.Cmd)      {}
func terminate(cmd *exec.Cmd) { cmd.Process.Kill() }
func kill(cmd *exec.Cmd)      { cmd.Process.Kill() }
