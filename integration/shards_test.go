package integration

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// A converted model split by llama.cpp's own tool behaves like the whole file, whichever part has the head.
func TestShards(t *testing.T) { onHosts(t, shards) }

func shards(t *testing.T, h host) {
	for name, c := range map[string]struct {
		untied bool
		split  []string
	}{
		"tied, head in the first part":       {false, []string{"--split-max-tensors", "3"}},
		"tied, head in the second part":      {false, []string{"--split-max-tensors", "3", "--no-tensor-first-split"}},
		"untied, a tensor a part":            {true, []string{"--split-max-tensors", "1"}},
		"untied, no tensor in the first one": {true, []string{"--split-max-tensors", "4", "--no-tensor-first-split"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			model := tiny{name: "llama", arch: "llama", headType: gguftest.TypeF16, untied: c.untied}.write(t, dir)
			whole := filepath.Join(dir, "converted.gguf")
			convertFile(t, h, model, whole)
			const few = "FLASHHEAD_PROBES=8"
			want, _ := tinyTokens(t, h, whole, few)

			cmd := exec.CommandContext(timeout(t), patched(t).Lib("llama-gguf-split"),
				append(append([]string{"--split"}, c.split...), whole, filepath.Join(dir, "part"))...)
			cmd.Env = harness.Environment(dir)
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("llama-gguf-split: %v\n%s", err, text)
			}
			parts, _ := filepath.Glob(filepath.Join(dir, "part-00001-of-*.gguf"))
			if len(parts) != 1 || filepath.Base(parts[0]) == "part-00001-of-00001.gguf" {
				t.Fatalf("the model is not split: %v", parts)
			}
			got, log := tinyTokens(t, h, parts[0], few)
			sameTokens(t, "split", got, want)
			if activeLine(log) == "" {
				t.Errorf("not active:\n%s", end(log))
			}
		})
	}
}
