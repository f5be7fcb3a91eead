package integration

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// An adapter that changes the head does not change the clusters, so such a model runs dense, its log says so, and its
// statistics count dense steps.
func TestAdapterOfTheHead(t *testing.T) { onBothHosts(t, adapterOfTheHead) }

func adapterOfTheHead(t *testing.T, h host) {
	fast := filepath.Join(t.TempDir(), "converted.gguf")
	convertFile(t, h, tinyModel(t, "llama", "untied"), fast, "--cluster-size", "8")
	_, head, _ := flashheadtest.Open(t, fast)
	const rank = 4
	w := newTinyWeights(7)
	w.matrix("output.weight.lora_a", 0.3, uint64(head.Width()), rank)
	w.matrix("output.weight.lora_b", 0.3, rank, uint64(head.Vocab()))
	adapter := w.write(t, filepath.Join(t.TempDir(), "adapter.gguf"), []gguftest.KV{
		gguftest.V("general.type", "adapter"), gguftest.V("general.architecture", "llama"),
		gguftest.V("adapter.type", "lora"), gguftest.V("adapter.lora.alpha", float32(rank)),
	})

	ask, lora := [][]int{{3, 70, 21, 9}}, []string{"--lora", adapter}
	plain, _ := continuations(t, h, fast, nil, ask, "FLASHHEAD_ENABLED=0")
	dense, _ := continuations(t, h, fast, lora, ask, "FLASHHEAD_ENABLED=0")
	if slices.EqualFunc(plain, dense, slices.Equal) {
		t.Fatal("the adapter changes nothing: the comparison would say little")
	}
	got, log := continuations(t, h, fast, lora, ask, "FLASHHEAD_PROBES=1", "FLASHHEAD_STATS=1")
	sameTokens(t, "with an adapter of the head", got, dense)
	const warning = "flash_head: a LoRA adapter changes the head; running dense"
	if n := strings.Count(log, warning); n != 1 {
		t.Errorf("the log says %d times %q", n, warning)
	}
	// steps at load may run before the adapter is added
	if s := lastStatistics(log); s.steps != stepsAtLoad+len(got[0]) || s.denseSteps < len(got[0]) {
		t.Errorf("%d tokens: %+v\n%s", len(got[0]), s, end(log))
	}
}
