package process

import "os/exec"

// Windows has no signals for groups. A killed server takes its runners along, as they share a job object.
func ownGroup(*exec.Cmd)      {}
func terminate(cmd *exec.Cmd) { cmd.Process.Kill() }
func kill(cmd *exec.Cmd)      { cmd.Process.Kill() }

// Trusted returns true: not checked.
func Trusted(string) bool { return true }
