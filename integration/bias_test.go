package integration

import (
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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
			run := func(model string, env ...string) ([]int, string) {
				l := startLlama(t, h, []string{"--model", model}, env...)
				defer l.Stop()
				tokens, err := l.Greedy(timeout(t), []int{3, 70, 21, 9}, 48)
				if err != nil {
					t.Fatalf("%v\n%s", err, end(l.Log()))
				}
				return tokens, l.Log()
			}
			split := exec.CommandContext(timeout(t), patched(t).Lib("llama-gguf-split"), "--split",
				"--split-max-tensors", "1", fast, filepath.Join(dir, "part"))
			if text, err := split.CombinedOutput(); err != nil {
				t.Fatalf("llama-gguf-split: %v\n%s", err, text)
			}
			parts, err := filepath.Glob(filepath.Join(dir, "part-*.gguf"))
			if err != nil || len(parts) < 3 {
				t.Fatalf("parts %v, %v", parts, err)
			}
			dense, _ := run(fast, "FLASHHEAD_ENABLED=0")
			written := slices.Compact(slices.Sorted(slices.Values(dense)))
			others := func(token int) bool { return !slices.Contains(raised, token) }
			if len(written) < c.least || slices.ContainsFunc(written, others) {
				t.Fatalf("the dense model writes %v, which shows nothing about %v", written, raised)
			}
			for _, c := range []struct{ model, env string }{
				{fast, "FLASHHEAD_PROBES=1"}, {fast, "FLASHHEAD_PROBES=16"}, // 8 of 128 tokens, and all
				{parts[0], "FLASHHEAD_PROBES=1"},
			} {
				got, log := run(c.model, c.env)
				if !slices.Equal(got, dense) || activeLine(log) == "" {
					t.Errorf("%v: tokens %v, dense %v\n%s", c, got, dense, end(log))
				}
			}
			for _, c := range []struct{ model, env, says string }{
				{plain, "FLASHHEAD_STATS=0", "flash_head: the head has a bias (output.bias), by which a plain head, " +
					"without codes, cannot choose; running dense"},
				{fast, "FLASHHEAD_MODE=sample", "flash_head: FLASHHEAD_MODE=sample draws clusters, which leaves out the " +
					"head's bias (output.bias); running dense"},
			} {
				got, log := run(c.model, c.env)
				if !slices.Equal(got, dense) || activeLine(log) != "" || !strings.Contains(log, c.says) {
					t.Errorf("tokens %v, dense %v; the log should say %q\n%s", got, dense, c.says, end(log))
				}
			}
		})
	}
}
