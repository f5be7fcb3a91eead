package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestInterruptBench sends Ctrl-C's signal, to the program alone, while llama-bench runs on a synthetic model: the
// program ends with 130, llama-bench ends too, and the file is gone.
func TestInterruptBench(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the native programs")
	}
	cmd := exec.Command("fh-ollama", "bench", "--shape", "gemma-3-270m", "--lib", nativeDir(t))
	interruptWhile(t, cmd, "llama-bench", func(tmp string) {
		if entries, _ := os.ReadDir(tmp); len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "fh-ollama-bench-") {
			t.Errorf("while it runs there should be one folder, but there are %v", entries)
		}
	})
}
