//go:build !linux

package plugin

import "github.com/fh-ollama/fh-ollama/internal/hint"

// pluginPlatform returns an error where the plug-in cannot be built. On macOS Ollama's runtime loads no backends; on
// Windows it does, but a library needs ggml's import libraries there, which was not tried.
func pluginPlatform() error {
	return hint.New("the plug-in is for Linux so far", "build an Ollama with FlashHead instead: fh-ollama build")
}
