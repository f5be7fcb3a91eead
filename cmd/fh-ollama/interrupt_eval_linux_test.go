package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInterruptEval sends Ctrl-C's signal, to the program alone, while a server or a pass over the text runs: the
// program ends with 130, what it started ends too, and no file is left.
func TestInterruptEval(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the native programs")
	}
	model := filepath.Join(t.TempDir(), "fast.gguf")
	convert := exec.Command("fh-ollama", "convert", "../../integration/testdata/fh-demo-12m-q8_0.gguf", "-o", model,
		"--iterations", "1", "--plain", "--lib", nativeDir(t))
	if out, err := convert.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, child := range []string{"llama-server", "llama-perplexity"} {
		t.Run(child, func(t *testing.T) {
			cmd := exec.Command("fh-ollama", "eval", model, "--text", "../../integration/testdata/heldout.txt", "--lib",
				nativeDir(t))
			interruptWhile(t, cmd, child, func(tmp string) {
				if entries, _ := os.ReadDir(tmp); len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "fh-ollama-eval-") {
					t.Errorf("while it runs there should be one folder, but there are %v", entries)
				}
			})
		})
	}
}
