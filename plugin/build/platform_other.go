//go:build !linux

package build

import "github.com/fh-ollama/fh-ollama/internal/hint"

// PluginPlatform returns an error where the plug-in cannot be built. Ollama loads no backends on macOS. It does on Windows,
// but a library needs ggml's import libraries there, which is untested.
func PluginPlatform() error {
	return hint.New("the plug-in is for Linux only", "build an Ollama with FlashHead instead: fh-ollama build")
}
