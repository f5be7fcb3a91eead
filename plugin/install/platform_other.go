//go:build !linux

package install

import "github.com/fh-ollama/fh-ollama/internal/hint"

// supported returns why there is no plug-in here.
func supported() error {
	return hint.New("the plug-in is for Linux only so far", "make an Ollama that has FlashHead inside: fh-ollama build")
}

// mayWrite is for the compiler only: supported refuses before.
func mayWrite(string) bool { return false }
