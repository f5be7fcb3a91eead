package plugin

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// A build into a folder with a stock Ollama, say /usr/local, changes nothing in it.
func TestBuildReplacesNoOtherOllama(t *testing.T) {
	b := testBuild(t)
	stock := filepath.Join(b.opts.Prefix, "bin", "ollama")
	if err := replace(stock, []byte("stock"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := NewSteps(t.Output()).Do("assemble", func(st *Step) error { return b.assemble(t.Context(), st) })
	if err == nil || !strings.Contains(err.Error(), stock+" is there") || hint.Of(err) == "" {
		t.Errorf("the error is %v", err)
	}
	if got := onDisk(t, b.opts.Prefix); len(got) != 1 || got["bin/ollama"] != "stock" {
		t.Errorf("the folder holds %v", got)
	}
}

// A build that was interrupted knows its files when it is repeated.
func TestInterruptedAssembleIsRepeated(t *testing.T) {
	b := testBuild(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := NewSteps(t.Output()).Do("assemble", func(st *Step) error { return b.assemble(ctx, st) }); err == nil {
		t.Fatal("it went on")
	}
	// as if the interruption had come after the first file
	if err := replace(filepath.Join(b.opts.Prefix, "bin", "ollama"), []byte("half"), 0o755); err != nil {
		t.Fatal(err)
	}
	assembleOnce(t, b)
	if data, err := os.ReadFile(filepath.Join(b.opts.Prefix, "bin", "ollama")); err != nil || string(data) != "bin/ollama" {
		t.Errorf("%q, %v", data, err)
	}
}
