package integration

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/vllm/vllmtest"
)

// Clusters made for one file of a model work for another quantisation: here the same model with its head in 4 bits. The
// centroids are similar, and with every cluster probed the tokens are the dense head's.
func TestInteroperation(t *testing.T) { onBothHosts(t, interoperation) }

func interoperation(t *testing.T, h host) {
	work := t.TempDir()
	checkpoint, small, imported := filepath.Join(work, "checkpoint"), filepath.Join(work, "q4_0.gguf"), filepath.Join(work,
		"imported.gguf")
	run := func(program string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(timeout(t), program, args...)
		cmd.Env = append(append(harness.Environment(scratch), "TMPDIR="+scratch), h.env...)
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", program, args, err, text)
		}
		return string(text)
	}
	if err := vllmtest.Export(timeout(t), converted(t), checkpoint,
		filepath.Dir(patched(t).Lib("llama-flashhead"))); err != nil {
		t.Fatal(err)
	}
	run(h.Lib("llama-quantize"), "--allow-requantize", "--token-embedding-type", "Q4_0", trainedModel, small, "Q8_0")
	text := run(h.Bin("fh-ollama"), "import", small, "--assets", checkpoint, "-o", imported)
	found := regexp.MustCompile(`mean cosine ([0-9.]+)`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no cosine in\n%s", text)
	}
	if cosine, err := strconv.ParseFloat(found[1], 64); err != nil || cosine < 0.99 || cosine > 1.0001 {
		t.Errorf("mean cosine %v, %v", cosine, err)
	}
	dense := greedyTokens(t, h, imported, "FLASHHEAD_ENABLED=0", "LLAMA_ARG_REPACK=0")
	fast := greedyTokens(t, h, imported, "FLASHHEAD_PROBES="+strconv.Itoa(clusterCount))
	if !slices.Equal(dense, fast) {
		t.Errorf("with every cluster probed\n got %v\nwant %v", fast, dense)
	}
}
