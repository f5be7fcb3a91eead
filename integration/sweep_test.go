package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/inspect"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// docs/architectures.md is right about these architectures in both runtimes. go run ./integration/cmd/architectures
// tries all.
func TestSweep(t *testing.T) {
	swept := []string{"llama", "qwen3moe", "gemma3n"}
	if testlevel.IsLong() { // every kind of head
		swept = append(swept, "gemma2", "gemma3", "gemma4", "qwen2", "phi2", "bitnet", "mamba", "t5")
	}
	s, err := harness.NewSweep(patched(t).Prefix, stock(t).Prefix)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, err := s.Run(timeout(t), swept)
	if err != nil {
		t.Fatal(err)
	}
	if wrong := harness.Disagreements(rows); len(rows) != len(swept) || len(wrong) > 0 {
		t.Errorf("%d architectures; wrong: %q", len(rows), wrong)
	}
	doc, err := os.ReadFile("../docs/architectures.md")
	if err != nil {
		t.Fatal(err)
	}
	tried, documented := cellsOf(harness.Table(rows)), cellsOf(string(doc))
	for arch, cells := range tried {
		if documented[arch] != cells {
			t.Errorf("docs/architectures.md has %q for %s, not %q", documented[arch], arch, cells)
		}
	}
}

// cellsOf returns the rest of the row in which a table of architectures names each.
func cellsOf(markdown string) map[string]string {
	cells := map[string]string{}
	for line := range strings.Lines(markdown) {
		if names, rest, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok {
			for arch := range strings.SplitSeq(names, ", ") {
				cells[arch] = rest
			}
		}
	}
	return cells
}

// Models whose heads FlashHead cannot use run dense, and the log says why, even if the file has valid keys.
func TestObstacles(t *testing.T) { onBothHosts(t, obstacles) }

func obstacles(t *testing.T, h host) {
	for _, c := range []struct{ arch, kind, says string }{
		{"qwen2vl", "bias", "flash_head: llama.cpp does not add the head's bias (output.bias) of a qwen2vl model; " +
			"running dense"},
		{"bitnet", "tied", "flash_head: a bitnet model has no output head, it multiplies with its token embedding itself; " +
			"running dense"},
	} {
		t.Run(c.arch, func(t *testing.T) {
			file, fast := tinyModel(t, c.arch, c.kind), filepath.Join(t.TempDir(), "fast.gguf")
			withAnyMap(t, file, fast, 8)
			ask := [][]int{{3, 70, 21, 9}}
			dense, _ := continuations(t, h, fast, nil, ask, "FLASHHEAD_ENABLED=0")
			got, log := continuations(t, h, fast, nil, ask, "FLASHHEAD_PROBES=1")
			sameTokens(t, "an obstacle", got, dense)
			if activeLine(log) != "" {
				t.Errorf("it is active:\n%s", end(log))
			}
			// bitnet's graph does not use the plug-in, which logs nothing
			if !strings.Contains(log, c.says) && (c.arch != "bitnet" || h.Prefix == patched(t).Prefix) {
				t.Errorf("the log does not say %q:\n%s", c.says, end(log))
			}
			cmd := exec.CommandContext(timeout(t), patched(t).Bin("fh-ollama"), "convert", file, "-o", fast+".2",
				"--cluster-size", "8")
			if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "FlashHead cannot speed up") {
				t.Errorf("convert: %v\n%s", err, out)
			}
			if r, err := inspect.File(file); err != nil || r.Obstacle == "" || r.WorthIt {
				t.Errorf("inspect: %v, %+v", err, r)
			}
		})
	}
}
