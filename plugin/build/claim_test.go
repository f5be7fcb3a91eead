package build

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// A build into a folder with a stock Ollama, say /usr/local, changes nothing in it.
func TestBuildReplacesNoOtherOllama(t *testing.T) {
	b := testBuild(t)
	stock := filepath.Join(b.Options.Prefix, "bin", "ollama")
	plugintest.Write(t, stock, "stock", 0o755)
	err := step.New(t.Output()).Do("assemble", func(st *step.Step) error { return b.assemble(t.Context(), st) })
	if err == nil || !strings.Contains(err.Error(), stock+" exists") || hint.Of(err) == "" {
		t.Errorf("the error is %v", err)
	}
	if got := plugintest.OnDisk(t, b.Options.Prefix); len(got) != 1 || got["bin/ollama"] != "stock" {
		t.Errorf("the folder holds %v", got)
	}
}

// A build that was interrupted knows its files when it is repeated.
func TestInterruptedAssembleIsRepeated(t *testing.T) {
	b := testBuild(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := step.New(t.Output()).Do("assemble", func(st *step.Step) error { return b.assemble(ctx, st) }); err == nil {
		t.Fatal("it went on")
	}
	// as if the interruption had come after the first file
	plugintest.Write(t, filepath.Join(b.Options.Prefix, "bin", "ollama"), "half", 0o755)
	assembleOnce(t, b)
	if data, err := os.ReadFile(filepath.Join(b.Options.Prefix, "bin", "ollama")); err != nil || string(data) != "bin/ollama" {
		t.Errorf("%q, %v", data, err)
	}
}
