package gguf_test

import (
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// A file for a fork is not damaged, and getting it again does not help.
func TestForeignTypes(t *testing.T) {
	for name, c := range map[string]struct {
		number     uint32
		cause, way string
	}{
		"ik_llama.cpp's IQ4_K": {139, "has type 139, which Ollama's llama.cpp does not know", "for a fork"},
		"Q4_0_4_8, removed":    {32, "has type 32, which", "another version of llama.cpp"},
		"damage": {600, "damaged GGUF: tensor \"blk.0.ffn_up.weight\" has the unknown type 600",
			"get the file again"},
	} {
		file := gguftest.Model(64, 32)
		file.Tensors[2] = gguftest.T("blk.0.ffn_up.weight", c.number, make([]byte, 1024), 256, 4)
		_, err := gguf.Open(gguftest.Write(t, "in.gguf", file.Bytes()))
		if err == nil || !strings.Contains(err.Error(), c.cause) || !strings.Contains(hint.Of(err), c.way) {
			t.Errorf("%s: %v\n  %s", name, err, hint.Of(err))
		}
		if damaged := err != nil && strings.Contains(err.Error(), "damaged"); damaged != (c.number == 600) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
