package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/inspect"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// swept are architectures of different kinds of heads; go run ./integration/cmd/architectures tries all.
var swept = []string{"llama", "gemma3", "gemma3n", "gemma4", "qwen2", "qwen3moe", "phi2", "bitnet", "mamba", "t5"}

// docs/architectures.md is right about these architectures in both runtimes.
func TestSweep(t *testing.T) {
	testlevel.Long(t)
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
	for arch, want := range map[string]string{
		"gemma3n": "active, same tokens | active, same tokens |  | active, same tokens |\n",
		"phi2":    " |  | active, same tokens |  |\n",
		"bitnet":  " | refused |  |  |\n",
	} {
		if tried[arch] != want {
			t.Errorf("%s has %q, expected %q", arch, tried[arch], want)
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

// tinyModel makes an architecture's tiny model ARCHITECTURE-KIND.gguf.
func tinyModel(t *testing.T, arch, kind string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command(patched(t).Lib("tiny-models"), dir, arch).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, arch+"-"+kind+".gguf")
}

// tinyConverted returns such a model, converted.
func tinyConverted(t *testing.T, arch, kind string) string {
	t.Helper()
	fast := filepath.Join(t.TempDir(), "fast.gguf")
	convertFile(t, patched(t), tinyModel(t, arch, kind), fast, "--cluster-size", "8")
	return fast
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
			run := func(env ...string) ([]int, string) {
				l := startLlama(t, h, []string{"--model", fast}, env...)
				defer l.Stop()
				tokens, err := l.Greedy(timeout(t), []int{3, 70, 21, 9}, 24)
				if err != nil {
					t.Fatalf("%v\n%s", err, end(l.Log()))
				}
				return tokens, l.Log()
			}
			dense, _ := run("FLASHHEAD_ENABLED=0")
			got, log := run("FLASHHEAD_PROBES=1")
			if !slices.Equal(got, dense) || activeLine(log) != "" {
				t.Errorf("tokens %v, dense %v\n%s", got, dense, end(log))
			}
			// bitnet's graph does not use the plug-in, which logs nothing
			if !strings.Contains(log, c.says) && (c.arch != "bitnet" || h.env == nil) {
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

// For gemma3n as in Ollama's library, the tools and the runtimes use the same rows of the head.
func TestGemma3nOfTheLibrary(t *testing.T) {
	testlevel.Long(t)
	onBothHosts(t, gemma3nOfTheLibrary)
}

func gemma3nOfTheLibrary(t *testing.T, h host) {
	file, fast := tinyModel(t, "gemma3n", "library"), filepath.Join(t.TempDir(), "fast.gguf")
	f, err := gguf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	embedding, _ := f.Tensor("token_embd.weight")
	byLayer, _ := f.Tensor("per_layer_token_embd.weight")
	f.Close()
	if embedding.Rows() <= byLayer.Rows() {
		t.Fatalf("the embedding has %d rows, that by layer %d: no model of the library", embedding.Rows(), byLayer.Rows())
	}
	convertFile(t, h, file, fast, "--cluster-size", "8")
	l := startLlama(t, h, []string{"--model", fast})
	defer l.Stop()
	if _, err := l.Greedy(timeout(t), []int{3, 70, 21, 9}, 8); err != nil {
		t.Fatalf("%v\n%s", err, end(l.Log()))
	}
	if line := activeLine(l.Log()); !strings.Contains(line, "128 tokens in 16 clusters") {
		t.Errorf("FlashHead is not active:\n%s", end(l.Log()))
	}
}
