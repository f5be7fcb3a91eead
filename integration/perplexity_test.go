package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
	return h.run(t, env, h.Lib("llama-perplexity"), append([]string{"-c", "256", "-t", "1"}, args...)...)
}
