package integration

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// An adapter that changes the head does not change the clusters, so such a model runs dense, and its log says so.
func TestAdapterOfTheHead(t *testing.T) { onBothHosts(t, adapterOfTheHead) }

func adapterOfTheHead(t *testing.T, h host) {
	dir := t.TempDir()
	model := tiny{name: "llama-lora", arch: "llama", headType: gguftest.TypeF32, untied: true}.write(t, dir)
	fast, adapter := filepath.Join(dir, "converted.gguf"), filepath.Join(dir, "adapter.gguf")
	convertFile(t, h, model, fast)
	writeAdapter(t, adapter)

	prompt := []int{0, 17, 1200, 33, 4000}
	greedy := func(env string, args ...string) ([]int, string) {
		l := startLlama(t, h, args, env)
		tokens, err := l.Greedy(timeout(t), prompt, 32)
		if err != nil {
			t.Fatal(err)
		}
		return tokens, l.Log()
	}
	plain, _ := greedy("FLASHHEAD_ENABLED=0", "--model", fast)
	dense, _ := greedy("FLASHHEAD_ENABLED=0", "--model", fast, "--lora", adapter)
	got, log := greedy("FLASHHEAD_PROBES=1", "--model", fast, "--lora", adapter)
	if slices.Equal(plain, dense) {
		t.Fatal("the adapter changes nothing: the comparison would say little")
	}
	if !slices.Equal(got, dense) {
		t.Errorf("with an adapter of the head\n got %v\nwant %v", got, dense)
	}
	const warning = "flash_head: a LoRA adapter changes the head; running dense"
	if n := strings.Count(log, warning); n != 1 {
		t.Errorf("the log says %d times %q", n, warning)
	}
}

// writeAdapter writes a LoRA adapter of rank 4 for the output head of an untied tiny model.
func writeAdapter(t *testing.T, path string) {
	t.Helper()
	const rank = 4
	r := rand.New(rand.NewPCG(7, 7))
	values := func(n int) []byte {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64() * 0.3)
		}
		return encode(gguftest.TypeF32, v)
	}
	f := gguftest.File{
		KVs: []gguftest.KV{
			gguftest.V("general.type", "adapter"), gguftest.V("general.architecture", "llama"),
			gguftest.V("adapter.type", "lora"), gguftest.V("adapter.lora.alpha", float32(rank)),
		},
		Tensors: []gguftest.Tensor{
			gguftest.T("output.weight.lora_a", gguftest.TypeF32, values(tinyWidth*rank), tinyWidth, rank),
			gguftest.T("output.weight.lora_b", gguftest.TypeF32, values(rank*tinyVocab), rank, tinyVocab),
		},
	}
	if err := os.WriteFile(path, f.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
