package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
)

// If a process loads several models, each converted one gets FlashHead with its own map. The open file decides, not the
// names on the command line or the weight's shape.
func TestPluginKnowsItsModel(t *testing.T) {
	h, dir := plugin(t), t.TempDir()
	dense, fast := filepath.Join(dir, "dense.gguf"), filepath.Join(dir, "fast.gguf")
	other := filepath.Join(dir, "other.gguf")
	copyTree(t, trainedModel, dense)
	convertFile(t, h, dense, fast, "--probes", "55")
	convertFile(t, h, tinyModel(t, "qwen3", "tied"), other, "--cluster-size", "8", "--probes", "7")

	// llama-bench loads one model after the other
	log := h.run(t, nil, h.Lib("llama-bench"), "-m", strings.Join([]string{dense, fast, other, dense, fast}, ","),
		"-p", "0", "-n", "4", "-r", "1", "-t", "2", "--no-warmup", "-v")
	var got []string
	for line := range strings.Lines(log) {
		if _, path, found := strings.Cut(line, "tensors from "); found && strings.Contains(line, "loaded meta data") {
			got = append(got, filepath.Base(strings.Fields(path)[0]))
		}
		if strings.Contains(line, "flash_head: active") {
			_, rest, _ := strings.Cut(line, "clusters, ")
			got = append(got, "active", strings.Fields(rest)[0])
		}
	}
	want := []string{"dense.gguf", "fast.gguf", "active", "55", "other.gguf", "active", "7", "dense.gguf", "fast.gguf",
		"active", "55"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v\n%s", got, want, end(log))
	}
}

// FLASHHEAD_MODEL names the file that is loading. If it is wrong, the rows differ and the answers are the dense
// model's.
func TestPluginModelVariable(t *testing.T) {
	h, texts, wrong := plugin(t), prompts(t, 4), filepath.Join(t.TempDir(), "wrong.gguf")
	f, head, _ := flashheadtest.Open(t, converted(t))
	data, err := os.ReadFile(converted(t))
	if err != nil {
		t.Fatal(err)
	}
	rows := data[f.DataStart+head.Tensor.Offset:]
	for i := range 32000 * 256 / 32 * 34 { // bytes of Q8_0
		rows[i] ^= 1
	}
	if err := os.WriteFile(wrong, data, 0o600); err != nil {
		t.Fatal(err)
	}
	dense, _ := continuations(t, stock(t), converted(t), nil, texts)
	want, _ := continuations(t, h, converted(t), nil, texts, fewProbes)
	if slices.EqualFunc(want, dense, slices.Equal) {
		t.Fatal("so few probes choose the dense tokens: the comparison says little")
	}
	got, log := continuations(t, h, converted(t), nil, texts, fewProbes, "FLASHHEAD_MODEL="+converted(t))
	sameTokens(t, "FLASHHEAD_MODEL names the file", got, want)
	if activeLine(log) == "" {
		t.Errorf("not active:\n%s", end(log))
	}
	got, log = continuations(t, h, converted(t), nil, texts, fewProbes, "FLASHHEAD_MODEL="+wrong)
	sameTokens(t, "FLASHHEAD_MODEL names another file", got, dense)
	says := "flash_head: the rows of token_embd.weight are not those of " + wrong + "; running dense"
	if strings.Count(log, says) != 1 || activeLine(log) != "" {
		t.Errorf("the log does not say once, %q:\n%s", says, end(log))
	}
}
