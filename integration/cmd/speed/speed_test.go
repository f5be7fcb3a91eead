package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

const bundledModel = "../../testdata/fh-demo-12m-q8_0.gguf"

// What cannot be measured is refused with a way out, before anything is started.
func TestRefused(t *testing.T) {
	other := filepath.Join(t.TempDir(), "text.gguf")
	if err := os.WriteFile(other, []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := options{rounds: 1, tokens: leastTokens, file: bundledModel}
	for says, c := range map[string]struct {
		change func(*options)
		files  int
	}{
		"0 files are named":      {func(*options) {}, 0},
		"2 files are named":      {func(*options) {}, 2},
		"0 rounds of 32 tokens":  {func(o *options) { o.rounds = 0 }, 1},
		"1 rounds of 31 tokens":  {func(o *options) { o.tokens = leastTokens - 1 }, 1},
		"-1 threads are too few": {func(o *options) { o.threads = -1 }, 1},
		"has no FlashHead":       {func(*options) {}, 1},
		"text.gguf":              {func(o *options) { o.file = other }, 1},
	} {
		o := good
		c.change(&o)
		if err := run(context.Background(), o, c.files); err == nil || !strings.Contains(err.Error(), says) || hint.Of(err) == "" {
			t.Errorf("error %v, way out %q, instead of %q", err, hint.Of(err), says)
		}
	}
}

// Every prompt is another text, so that a server finds none of it in its cache.
func TestPromptsDiffer(t *testing.T) {
	seen := map[string]int{}
	for i := range 100 {
		prompt := text(i, promptBytes)
		if len(prompt) < promptBytes-8 || len(prompt) > promptBytes {
			t.Errorf("prompt %d has %d bytes", i, len(prompt))
		}
		if before, found := seen[prompt[:16]]; found {
			t.Errorf("prompts %d and %d begin alike", before, i)
		}
		seen[prompt[:16]] = i
	}
}

func TestTables(t *testing.T) {
	sides := []*side{
		{name: "stock", values: map[metric][]float64{greedyRate: {10, 30, 20}, load: {1, 1, 2}, resident: {math.NaN(), math.NaN(), math.NaN()}}},
		{name: "patched", values: map[metric][]float64{greedyRate: {20, 30, 60}, load: {1, 2, 2}, resident: {math.NaN(), math.NaN(), math.NaN()}}},
	}
	for _, want := range []string{
		"eval rate at temperature 0, tokens/s\n  stock              20.0 (10.0 to 30.0)\n",
		"  patched            30.0 (20.0 to 60.0)       2.00x (1.00x to 3.00x)\n", // of 2, 1 and 3
		"  stock              1.00 (1.00 to 2.00)\n  patched            2.00 (1.00 to 2.00)       1.00x (1.00x to 2.00x)\n",
		"resident memory, MiB\n  stock              -\n  patched            -                         -\n",
	} {
		if got := plain(sides); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, want := range []string{
		"| | stock | patched |\n|---|---|---|\n| eval rate at temperature 0, tokens/s | 20.0 (10.0 to 30.0) | 30.0 (20.0 to 60.0), 2.00x |\n",
		"| resident memory, MiB | - | - |\n",
	} {
		if got := markdown(sides); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
