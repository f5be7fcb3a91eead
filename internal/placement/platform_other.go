//go:build !linux

package placement

import (
	"errors"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// supported returns why there is no plug-in here.
func supported() error {
	return hint.New("the plug-in is for Linux only so far", "make an Ollama that has FlashHead inside: fh-ollama build")
}

// The rest is for the compiler only: nothing is placed where supported refuses.

func mayWrite(string) bool { return false }

func removeFolder(string) error { return errors.ErrUnsupported }

func lock(string) (func(), error) { return nil, errors.ErrUnsupported }
