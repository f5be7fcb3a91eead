//go:build !linux

package trial

import (
	"errors"
	"os/exec"
)

// identity is this user: the plug-in is for Linux.
type identity struct{}

func account(_, server string) (identity, error) { return identity{}, notTried(server) }

func (identity) apply(*exec.Cmd) {}

func (identity) folder() (string, func(), error) { return "", nil, errors.ErrUnsupported }
