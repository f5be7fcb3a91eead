package gguf_test

import (
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// TestForeignTypes: a file of a fork is not damaged, and getting it again does not help.
func TestForeignTypes(t *testing.T) {
	for name, c := range map[string]struct {
		number     uint32
		cause, way string
	}{
		"ik_llama.cpp's IQ4_K": {139,
			"has type 139, which Ollama's llama.cpp does not know: it is one of ik_llama.cpp's", "such as Q4_K_M or IQ4_XS"},
		"ik_llama.cpp's IQ1_M_R4":    {229, "one of ik_llama.cpp's", "Ollama cannot run this file"},
		"Q4_0_4_8, removed":          {32, "has type 32, which", "an old one"},
		"bitnet.cpp's I2_S":          {36, "has type 36, which", "bitnet.cpp"},
		"of a llama.cpp yet to come": {60, "has type 60, which", "a newer one than Ollama's"},
		"no type, so the file's fault": {600, "damaged GGUF: tensor \"blk.0.ffn_up.weight\" has the unknown type 600",
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
