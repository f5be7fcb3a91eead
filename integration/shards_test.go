package integration

import (
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// A converted model split by llama.cpp's own tool behaves like the whole file, whichever part has the head.
func TestShards(t *testing.T) { onHosts(t, shards) }

func shards(t *testing.T, h host) {
	untied := filepath.Join(t.TempDir(), "untied.gguf")
	convertFile(t, h, tinyModel(t, "llama", "untied"), untied, "--cluster-size", "8")
	for _, c := range testlevel.Some([]struct {
		name, model string
		flags       []string
	}{
		{"tied, head in the second part", converted(t), []string{"--split-max-tensors", "3", "--no-tensor-first-split"}},
		{"tied, head in the first part", converted(t), []string{"--split-max-tensors", "3"}},
		{"untied, a tensor a part", untied, []string{"--split-max-tensors", "1"}},
		{"untied, no tensor in the first one", untied, []string{"--split-max-tensors", "4", "--no-tensor-first-split"}},
	}...) {
		t.Run(c.name, func(t *testing.T) {
			ask := [][]int{{1, 70, 21, 9}, {1, 11, 90}}
			want, _ := continuations(t, h, c.model, nil, ask, fewProbes)
			got, log := continuations(t, h, split(t, c.model, c.flags...)[0], nil, ask, fewProbes)
			sameTokens(t, "split", got, want)
			if activeLine(log) == "" {
				t.Errorf("not active:\n%s", end(log))
			}
		})
	}
}
