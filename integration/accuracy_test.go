package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

const (
	chunks      = "60" // of 256 tokens, the second half of each is scored: 7620 positions, enough for ± 0.13 %
	leastTopOne = 98.5 // per cent, at the default number of probes
)

var sameTop = regexp.MustCompile(`Same top p:\s*([0-9.]+)`)

// How often FlashHead's likeliest token is the dense model's, on text that the model was not trained on.
func TestSameTop(t *testing.T) { onBothHosts(t, sameTopTokens) }

func sameTopTokens(t *testing.T, h host) {
	model := converted(t)
	dir := t.TempDir()
	text, base := filepath.Join(dir, "text"), filepath.Join(dir, "dense.kld")
	sample(t, text)
	perplexity(t, h, []string{"FLASHHEAD_ENABLED=0"}, "-m", model, "-f", text, "--kl-divergence-base", base)
	said := perplexity(t, h, []string{"FLASHHEAD_MAX_ROWS=0"}, "-m", model, "-f", text, "--kl-divergence-base", base, "--kl-divergence")
	match := sameTop.FindStringSubmatch(said)
	if match == nil {
		t.Fatalf("llama-perplexity does not say how often the top is the same:\n%s", said)
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

// sample writes pieces from all over the held-out text, whose documents differ in kind: prose, speeches, manuals, code
// and several languages.
func sample(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(heldoutText)
	if err != nil {
		t.Fatal(err)
	}
	const pieces, length = 24, 3500 // bytes each; about 4 a token
	var out strings.Builder
	for i := range pieces {
		at := i * (len(text) - length) / (pieces - 1)
		piece := string(text[at : at+length])
		_, piece, _ = strings.Cut(piece, " ") // from a whole word
		if end := strings.LastIndexByte(piece, ' '); end > 0 {
			piece = piece[:end]
		}
		out.WriteString(piece + "\n\n")
	}
	if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// perplexity runs llama-perplexity with env and returns all that it printed.
func perplexity(t *testing.T, h host, env []string, args ...string) string {
	t.Helper()
	args = append(args, "-c", "256", "--chunks", chunks, "-t", "2")
	cmd := exec.CommandContext(timeout(t), h.Lib("llama-perplexity"), args...)
	cmd.Env = append(harness.Environment(scratch), h.environment(env)...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("llama-perplexity: %v\n%s", err, text)
	}
	return string(text)
}
