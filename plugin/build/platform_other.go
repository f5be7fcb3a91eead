//go:build !linux

package build

import "github.com/fh-ollama/fh-ollama/internal/hint"

// PluginPlatform returns an error where the plug-in cannot be built. On macOS Ollama's runtime loads no backends; on
// Windows it does, but a library needs ggml's import libraries there, which was not tried.
func PluginPlatform() error {
	return hint.New("the plug-in is for Linux so far", "build an Ollama with FlashHead instead: fh-ollama build")
}
