// Package bundletest makes bundles for tests.
package bundletest

import (
	"bytes"
	"testing"
	"testing/fstest"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
)

// Manifest is the description of the plug-in in Prefix.
const Manifest = `{"llama_cpp": "0c1e57098", "fh_ollama": "0.1.0"}`

// Prefix returns what `fh-ollama build --plugin` makes, as far as a bundle has it, with this content.
func Prefix(library, tool, toolCode []byte) fstest.MapFS {
	return fstest.MapFS{
		"lib/flashhead/LLAMA_CPP_LICENSE":    {Data: []byte("licence")},
		"lib/flashhead/libggml-flashhead.so": {Data: library},
		"lib/flashhead/llama-flashhead":      {Data: tool},
		"lib/flashhead/libflashhead-tool.so": {Data: toolCode},
		"share/fh-ollama/plugin.json":        {Data: []byte(Manifest)},
	}
}

// New packs a bundle with this content.
func New(t *testing.T, library, tool, toolCode []byte) bundle.Bundle {
	t.Helper()
	var archive bytes.Buffer
	if err := bundle.Pack(&archive, Prefix(library, tool, toolCode)); err != nil {
		t.Fatal(err)
	}
	return bundle.New(archive.Bytes())
}
