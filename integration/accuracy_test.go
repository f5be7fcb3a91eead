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

// FlashHead's top token is mostly the dense model's, on text that the model was not trained on. Both hosts differ from
// the dense model in exactly the same way.
func TestSameTop(t *testing.T) {
	var statistics []string
	onHosts(t, func(t *testing.T, h host) { statistics = append(statistics, sameTopTokens(t, h)) })
	if len(statistics) == 2 && statistics[0] != statistics[1] {
		t.Errorf("patched:\n%s\nplug-in:\n%s", statistics[0], statistics[1])
	}
}

// sameTopTokens checks the share for one host and returns llama-perplexity's statistics.
func sameTopTokens(t *testing.T, h host) string {
	model := converted(t)
	dir := t.TempDir()
	text, base := filepath.Join(dir, "text"), filepath.Join(dir, "dense.kld")
	sample(t, text)
	perplexity(t, h, []string{"FLASHHEAD_ENABLED=0"}, "-m", model, "-f", text, "--kl-divergence-base", base)
	said := perplexity(t, h, []string{"FLASHHEAD_MAX_ROWS=0"}, "-m", model, "-f", text, "--kl-divergence-base", base,
		"--kl-divergence")
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
	_, figures, found := strings.Cut(said, "====== Perplexity statistics")
	if !found {
		t.Fatalf("llama-perplexity prints no statistics:\n%s", said)
	}
	figures, _, _ = strings.Cut(figures, "\n\nllama_") // times follow
	return figures
}

// A batch of many rows is dense: with the plug-in the result is identical to one without.
func TestPluginLargeBatches(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	sample(t, text)
	perplexities := func(h host) (string, string) {
		said := perplexity(t, h, nil, "-m", converted(t), "-f", text, "--chunks", "8", "--log-verbosity", "4")
		for line := range strings.Lines(said) {
			if strings.Contains(line, "[1]") && strings.Contains(line, "[8]") {
				return line[strings.Index(line, "[1]"):], said
			}
		}
		t.Fatalf("llama-perplexity prints no perplexities:\n%s", said)
		return "", ""
	}
	want, _ := perplexities(stock(t))
	got, log := perplexities(plugin(t))
	if got != want {
		t.Errorf("with the plug-in %s without %s", got, want)
	}
	if activeLine(log) == "" {
		t.Errorf("the plug-in was not active:\n%s", log)
	}
}

// sample writes evenly spread pieces of the held-out text, which has prose, speeches, manuals, code and several
// languages.
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

// perplexity runs llama-perplexity with env and returns its output.
func perplexity(t *testing.T, h host, env []string, args ...string) string {
	t.Helper()
	args = append([]string{"-c", "256", "--chunks", chunks, "-t", "2"}, args...)
	cmd := exec.CommandContext(timeout(t), h.Lib("llama-perplexity"), args...)
	cmd.Env = append(harness.Environment(scratch), h.environment(env)...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("llama-perplexity: %v\n%s", err, text)
	}
	return string(text)
}
