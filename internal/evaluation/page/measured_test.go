package page

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/evaluation"
)

// testdata/report.json is what this printed for the trained model in integration/testdata, converted, from the
// repository's root: fh-ollama eval demo-flashhead.gguf --text integration/testdata/heldout.txt --chunks 8
// --probes 64,250,2000 --predict 16 --threads 1 --json
func TestMeasuredReport(t *testing.T) {
	data, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	var r evaluation.Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	all := read(t, write(t, r))

	var texts []string
	for _, e := range named(all, "blockquote") {
		texts = append(texts, e.text)
	}
	for _, g := range r.Generation {
		for _, text := range append([]string{g.Text, g.Dense}, differing(g)...) {
			if !slices.Contains(texts, text) {
				t.Errorf("%s: no continuation %q", g.Kind, text)
			}
		}
	}
	if len(r.Generation) == 0 || len(named(all, "mark")) == 0 {
		t.Error("no continuations to compare")
	}

	rows := cells(all)
	for i, p := range r.Points {
		for row, want := range map[string]string{
			"Same token: same best token":        fmt.Sprintf("%.2f", 100*p.SameTop.Share()),
			"Same token: best 40 scored exactly": fmt.Sprintf("%.2f", 100*p.Top40.Share()),
			"Greedy continuations: identical": fmt.Sprintf("%d of %d", p.Greedy.Identical.Count,
				p.Greedy.Identical.Total),
			"Cost: speed against dense": fmt.Sprintf("%.2f ×%.2f to %.2f", p.Speed.Ratio, p.Speed.Low,
				p.Speed.High),
			"What Ollama's sampler draws from: no candidate lost": fmt.Sprintf("%.2f", 100*p.Truncated.Kept.Share()),
		} {
			want = strings.Replace(want, "100.00", "100", 1)
			if got := rows[row]; len(got) != len(r.Points) || !strings.HasPrefix(got[i], want) {
				t.Errorf("%s: %q, want %s at %d", row, got, want, i)
			}
		}
	}
}

// differing are the texts that are not the dense one.
func differing(g evaluation.Prompt) []string {
	var texts []string
	for _, run := range g.Runs {
		if run.Divergence >= 0 {
			texts = append(texts, run.Text)
		}
	}
	return texts
}
