// Package bundletest makes bundles for tests.
package bundletest

import (
	"path"
	"testing/fstest"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
)

// Prefix returns what `fh-ollama build --plugin` makes, as far as a bundle has it, with this content.
func Prefix(library, tool, toolCode []byte) fstest.MapFS {
	return fstest.MapFS{
		"lib/flashhead/LLAMA_CPP_LICENSE":    {Data: []byte("licence")},
		"lib/flashhead/libggml-flashhead.so": {Data: library},
		"lib/flashhead/llama-flashhead":      {Data: tool},
		"lib/flashhead/libflashhead-tool.so": {Data: toolCode},
		"share/fh-ollama/plugin.json":        {Data: []byte(`{"llama_cpp": "0c1e57098", "fh_ollama": "0.1.0"}`)},
	}
}

// New returns a bundle with this content.
func New(library, tool, toolCode []byte) bundle.Bundle {
	files := fstest.MapFS{}
	for name, file := range Prefix(library, tool, toolCode) {
		files[path.Base(name)] = file
	}
	return bundle.Bundle{FS: files}
}
