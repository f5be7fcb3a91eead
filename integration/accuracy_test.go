package integration

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

const (
	chunks      = "40" // of 256 tokens, the second half of each is scored: 5080 positions
	leastTopOne = 98.5 // per cent, at the default number of probes
)

var sameTop = regexp.MustCompile(`Same top p:\s*([0-9.]+)`)

// How often FlashHead's likeliest token is the dense model's, on text that the model was not trained on.
func TestSameTop(t *testing.T) {
	p := patched(t)
	model := converted(t)
	base := filepath.Join(t.TempDir(), "dense.kld")
	perplexity(t, p, []string{"FLASHHEAD_ENABLED=0"}, "-m", model, "-f", heldoutText, "--kl-divergence-base", base)
	text := perplexity(t, p, []string{"FLASHHEAD_MAX_ROWS=0"}, "-m", model, "-f", heldoutText, "--kl-divergence-base", base, "--kl-divergence")
	match := sameTop.FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("llama-perplexity does not say how often the top is the same:\n%s", text)
	}
	share, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("same top: %.2f %%", share)
	if share < leastTopOne {
		t.Errorf("same top: %.2f %%, less than %.1f %%", share, leastTopOne)
	}
	if share == 100 {
		t.Error("same top: 100 %; was FlashHead used at all?")
	}
}

// perplexity runs llama-perplexity with env and returns all that it printed.
func perplexity(t *testing.T, p harness.Prefix, env []string, args ...string) string {
	t.Helper()
	args = append(args, "-c", "256", "--chunks", chunks, "-t", "2")
	cmd := exec.CommandContext(timeout(t), p.Lib("llama-perplexity"), args...)
	cmd.Env = append(harness.Environment(scratch), env...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("llama-perplexity: %v\n%s", err, text)
	}
	return string(text)
}
