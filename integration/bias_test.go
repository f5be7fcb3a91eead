package integration

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// raiseBias makes the biases of six tokens so large that the model writes only these, and returns them.
func raiseBias(t *testing.T, path string) []int {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	bias, ok := f.Tensor("output.bias")
	start := f.DataStart + bias.Offset
	f.Close()
	if !ok {
		t.Fatalf("%s has no output.bias", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tokens := []int{15, 37, 58, 71, 94, 120}
	for _, token := range tokens {
		binary.LittleEndian.PutUint32(data[start+int64(4*token):], math.Float32bits(100))
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return tokens
}

// FlashHead takes the head's bias into account: tokens that only the bias makes best are scored exactly.
func TestBias(t *testing.T) { onHosts(t, bias) }

func bias(t *testing.T, h host) {
	for _, c := range []struct {
		arch  string
		least int // different tokens that the dense model writes
	}{{"qwen2", 2}, {"phi2", 1}} {
		t.Run(c.arch, func(t *testing.T) {
			dir := t.TempDir()
			file := tinyModel(t, c.arch, "bias")
			fast, plain := filepath.Join(dir, "fast.gguf"), filepath.Join(dir, "plain.gguf")
			raised := raiseBias(t, file)
			convertFile(t, h, file, fast, "--cluster-size", "8", "--no-calibrate")
			withAnyMap(t, file, plain, 8)
			ask := [][]int{{3, 70, 21, 9}}
			parts := split(t, fast, "--split-max-tensors", "1")
			dense, _ := continuations(t, h, fast, nil, ask, "FLASHHEAD_ENABLED=0")
			written := slices.Compact(slices.Sorted(slices.Values(dense[0])))
			others := func(token int) bool { return !slices.Contains(raised, token) }
			if len(written) < c.least || slices.ContainsFunc(written, others) {
				t.Fatalf("the dense model writes %v, which shows nothing about %v", written, raised)
			}
			for _, c := range []struct{ model, env string }{
				{fast, "FLASHHEAD_PROBES=1"}, {fast, "FLASHHEAD_PROBES=16"}, // 8 of 128 tokens, and all
				{parts[0], "FLASHHEAD_PROBES=1"},
			} {
				got, log := continuations(t, h, c.model, nil, ask, c.env)
				sameTokens(t, c.model+" "+c.env, got, dense)
				if activeLine(log) == "" {
					t.Errorf("%v is not active\n%s", c, end(log))
				}
			}
			for _, c := range []struct{ model, env, says string }{
				{plain, "", "the head has a bias (output.bias), by which a plain head, without codes, cannot choose; " +
					"running dense"},
				{fast, "FLASHHEAD_MODE=sample", "FLASHHEAD_MODE=sample draws clusters, which leaves out the head's bias " +
					"(output.bias); running dense"},
			} {
				got, log := continuations(t, h, c.model, nil, ask, c.env)
				sameTokens(t, c.model+" "+c.env, got, dense)
				saysOnce(t, log, c.says)
			}
		})
	}
}
