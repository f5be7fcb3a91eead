package integration

import (
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// The rows are the same in every load mode.
func TestPluginLoadModes(t *testing.T) {
	testlevel.Long(t)
	h, texts := plugin(t), prompts(t, 3)
	want, log := continuations(t, h, []string{"--model", converted(t), "--load-mode", "mmap"}, texts)
	if activeLine(log) == "" {
		t.Errorf("not active:\n%s", end(log))
	}
	got, log := continuations(t, h, []string{"--model", converted(t), "--load-mode", "none"}, texts)
	sameTokens(t, "without a memory map", got, want)
	if activeLine(log) == "" {
		t.Errorf("not active without a memory map:\n%s", end(log))
	}
}

// The plug-in's tool, which has no own ggml, makes the same file as the patched build's.
func TestPluginConverts(t *testing.T) {
	out := filepath.Join(t.TempDir(), "converted.gguf")
	convertFile(t, plugin(t), trainedModel, out)
	if digest(t, out) != digest(t, converted(t)) {
		t.Error("the plug-in's tool makes another file than the patched build's")
	}
}
