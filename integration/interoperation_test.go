package integration

import (
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/vllm/vllmtest"
)

// Clusters made for one file of a model work for another quantisation: here the same model with its head in 4 bits. The
// centroids are similar, and with every cluster probed the tokens are the dense head's.
func TestInteroperation(t *testing.T) { onHosts(t, interoperation) }

func interoperation(t *testing.T, h host) {
	work := t.TempDir()
	checkpoint, small := filepath.Join(work, "checkpoint"), filepath.Join(work, "q4_0.gguf")
	imported := filepath.Join(work, "imported.gguf")
	if err := vllmtest.Export(timeout(t), converted(t), checkpoint,
		filepath.Dir(patched(t).Lib("llama-flashhead"))); err != nil {
		t.Fatal(err)
	}
	quantize(t, h, trainedModel, small, "Q4_0")
	text := h.run(t, nil, h.Bin("fh-ollama"), "import", small, "--assets", checkpoint, "-o", imported)
	found := regexp.MustCompile(`mean cosine ([0-9.]+)`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no cosine in\n%s", text)
	}
	if cosine, err := strconv.ParseFloat(found[1], 64); err != nil || cosine < 0.99 || cosine > 1.0001 {
		t.Errorf("mean cosine %v, %v", cosine, err)
	}
	everyClusterIsDense(t, h, imported)
}
