package integration

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// bench runs llama-bench of h, which loads one model after the other, and returns its output.
func bench(t *testing.T, h host, models ...string) string {
	t.Helper()
	cmd := exec.CommandContext(timeout(t), h.Lib("llama-bench"), "-m", strings.Join(models, ","),
		"-p", "0", "-n", "4", "-r", "1", "-t", "2", "--no-warmup", "-v")
	cmd.Env = append(harness.Environment(scratch), h.env...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("llama-bench: %v\n%s", err, text)
	}
	return string(text)
}

// If a process loads several models, each converted one gets FlashHead with its own map. The open file decides, not the
// names on the command line or the weight's shape.
func TestPluginKnowsItsModel(t *testing.T) {
	h := plugin(t)
	dir := t.TempDir()
	dense := tiny{name: "llama", arch: "llama", headType: gguftest.TypeF16}.write(t, dir)
	same := tiny{name: "llama-of-the-same-shape", arch: "llama", headType: gguftest.TypeF16}.write(t, dir)
	fast, other := filepath.Join(dir, "fast.gguf"), filepath.Join(dir, "other.gguf")
	convertFile(t, h, dense, fast, "--probes", "55")
	convertFile(t, h, tiny{name: "qwen3", arch: "qwen3", headType: gguftest.TypeQ8_0, qkNorm: true}.write(t, dir), other,
		"--probes", "77")

	log := bench(t, h, dense, fast, same, other, dense, fast)
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
	want := []string{
		"llama.gguf", "fast.gguf", "active", "55", "llama-of-the-same-shape.gguf", "other.gguf", "active", "77",
		"llama.gguf", "fast.gguf", "active", "55",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v\n%s", got, want, end(log))
	}
}

// FLASHHEAD_MODEL names the file that is loading. If it is wrong, the rows differ and the answers are the dense
// model's.
func TestPluginModelVariable(t *testing.T) {
	h := plugin(t)
	dir := t.TempDir()
	model := tiny{name: "llama", arch: "llama", headType: gguftest.TypeF16}.write(t, dir)
	wrong := tiny{name: "llama-of-the-same-shape", arch: "llama", headType: gguftest.TypeF16}.write(t, dir)
	fast, wrongFast := filepath.Join(dir, "fast.gguf"), filepath.Join(dir, "wrong.gguf")
	convertFile(t, h, model, fast)
	convertFile(t, h, wrong, wrongFast)

	const few = "FLASHHEAD_PROBES=8"
	dense, _ := tinyTokens(t, stock(t), fast)
	want, _ := tinyTokens(t, h, fast, few)
	if slices.EqualFunc(want, dense, slices.Equal) {
		t.Fatal("8 probes choose the dense tokens: the comparison says little")
	}
	got, log := tinyTokens(t, h, fast, few, "FLASHHEAD_MODEL="+fast)
	sameTokens(t, "FLASHHEAD_MODEL names the file", got, want)
	if !strings.Contains(log, "flash_head: active") {
		t.Errorf("not active:\n%s", end(log))
	}
	got, log = tinyTokens(t, h, fast, few, "FLASHHEAD_MODEL="+wrongFast)
	sameTokens(t, "FLASHHEAD_MODEL names another file", got, dense)
	says := "flash_head: the rows of token_embd.weight are not those of " + wrongFast + "; running dense"
	if n := strings.Count(log, says); n != 1 {
		t.Errorf("the log says %d times %q:\n%s", n, says, end(log))
	}
	if strings.Contains(log, "flash_head: active") {
		t.Error("the log says that it is active")
	}
}
