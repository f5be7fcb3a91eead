package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

const tinyClusters = tinyVocab / 16

// The architectures that the method was published for, one mixture of experts and one untied head, with heads of every
// kind of type: float, half and quantised.
var tinyModels = []tiny{
	{name: "llama", arch: "llama", headType: gguftest.TypeF16},
	{name: "llama-untied", arch: "llama", headType: gguftest.TypeQ8_0, untied: true},
	{name: "qwen3", arch: "qwen3", headType: gguftest.TypeQ8_0, qkNorm: true},
	{name: "qwen3moe", arch: "qwen3moe", headType: gguftest.TypeF32, qkNorm: true, experts: true},
	{name: "gemma3", arch: "gemma3", headType: gguftest.TypeQ8_0, qkNorm: true, postNorm: true, softcap: 0.5},
}

// In every architecture the dense model's tokens come out with FlashHead off, and with all clusters probed.
func TestArchitectures(t *testing.T) { onHosts(t, architectures) }

func architectures(t *testing.T, h host) {
	for _, m := range tinyModels {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			file := m.write(t, dir)
			fast := filepath.Join(dir, "converted.gguf")
			convertFile(t, h, file, fast)

			dense, _ := tinyTokens(t, h, file)
			off, log := tinyTokens(t, h, fast, "FLASHHEAD_ENABLED=0")
			if !strings.Contains(log, h.off) {
				t.Errorf("with FLASHHEAD_ENABLED=0 the log does not say %q", h.off)
			}
			all, log := tinyTokens(t, h, fast, fmt.Sprintf("FLASHHEAD_PROBES=%d", tinyClusters))
			if !strings.Contains(log, "flash_head: active") {
				t.Errorf("FlashHead was not active:\n%s", log)
			}
			if !slices.EqualFunc(off, dense, slices.Equal) {
				t.Errorf("FLASHHEAD_ENABLED=0: tokens %v, dense %v", off, dense)
			}
			if !slices.EqualFunc(all, dense, slices.Equal) {
				t.Errorf("FLASHHEAD_PROBES=%d: tokens %v, dense %v", tinyClusters, all, dense)
			}
		})
	}
}

// tinyTokens continues four prompts by 32 tokens each and returns them with the server's log.
func tinyTokens(t *testing.T, h host, model string, env ...string) ([][]int, string) {
	t.Helper()
	l := startLlama(t, h, []string{"--model", model}, env...)
	defer l.Stop()
	var all [][]int
	distinct := map[int]bool{}
	for seed := range 4 {
		prompt := []int{0}
		for i := range 12 {
			prompt = append(prompt, 2+(seed*977+i*i*131+i*17)%(tinyVocab-2))
		}
		tokens, err := l.Greedy(timeout(t), prompt, 32)
		if err != nil {
			t.Fatalf("%v\n%s", err, l.Log())
		}
		if len(tokens) < 16 {
			t.Fatalf("only %d tokens: %v", len(tokens), tokens)
		}
		for _, id := range tokens {
			distinct[id] = true
		}
		all = append(all, tokens)
	}
	if len(distinct) < 32 {
		t.Fatalf("only %d different tokens: the comparison would say little: %v", len(distinct), all)
	}
	return all, l.Log()
}

// The comparison relies on tiny models that the stock server runs, and whose tokens vary but are the same in every run.
func TestTinyModelsAreVaried(t *testing.T) {
	testlevel.Long(t)
	h := stock(t)
	for _, m := range tinyModels {
		t.Run(m.name, func(t *testing.T) {
			file := m.write(t, t.TempDir())
			first, _ := tinyTokens(t, h, file)
			again, _ := tinyTokens(t, h, file)
			if !slices.EqualFunc(first, again, slices.Equal) {
				t.Errorf("two runs differ: %v, %v", first, again)
			}
		})
	}
}
