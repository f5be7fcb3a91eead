package evaluation

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// widest returns a report with the longest numbers.
func widest() Report {
	share := func(n int) statistics.Proportion { return statistics.Proportion{Count: n, Total: 100000} }
	point := func(p, n int) Point {
		return Point{
			Probes: p, HeadBytes: 1 << 20, Perplexity: Perplexity{12345.678, 12}, KLD: Distribution{Mean: 12.34567,
				Error: 0.98765, P99: 123.456},
			SameTop: share(n), Top1: share(n), Top5: share(99870), Top40: share(98000), Mass: 0.98765,
			SameDraw: 0.9987,
			Kinds:    []Kind{{"languages", share(n), 0.9, 12.34567, 0.98765}, {"code", share(99990), 1, 0.0012, 0.0003}},
			Greedy:   &Greedy{Identical: statistics.Proportion{Count: 13, Total: 13}, Agreed: 1},
			Speed:    &Speed{Dense: 12345.6, Flash: 23456.7, Ratio: 12.34, Low: 10.12, High: 18.76},
		}
	}
	return Report{
		Model: Model{File: "model-flashhead.gguf", Architecture: "llama", Head: "token_embd.weight", HeadType: "q8_0",
			Clusters: 16384, Probes: 1024, CentroidType: "q4_0", HeadBytes: 4 << 20},
		Runtime:  Runtime{Mode: modeTop},
		Required: Required{Median: 1, P90: 10, P95: 100, P99: 1000, P999: 10000, Max: 16384},
		Points:   []Point{point(1024, 99900), point(16384, 100000)}, Generation: make([]Prompt, 13),
		Checked: &Checked{&Greedy{statistics.Proportion{Count: 12, Total: 13}, 0.98}, nil},
	}
}

func TestTable(t *testing.T) {
	text := widest().String()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{
		" *1024  99.90 (99.88-99.92)", " 16384  100.00 (100.00-100.00)", "12.3457 ± 0.9877", "99.9/99.9/98.0",
		"100/99.9/98.0", "98.77", "99.87",
		"code            100000  99.99 (99.98-99.99)     0.0012 ± 0.0003    100.00\nlanguages ",
		"13 of 13", "12345.6, 23456.7", "12.34x (10.12x to 18.76x)",
		"\n exact  12 of 13      98 %          -",
		"\nWith checks by the dense head, as in the patched build (exact), 12 of 13 are.",
		"median 1, 90 % 10, 95 % 100, 99 % 1000, 99.9 % 10000, most 16384",
		"At its own P of 1024 the model's best token is the dense head's at 99.9 % of positions\n(99.9 to 99.9 " +
			"%), for 25 % of the bytes",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	r := widest()
	r.Points[1].Speed.Low = 1.5
	if noisy := "processors busy"; strings.Contains(text, noisy) || !strings.Contains(r.String(), noisy) {
		t.Error("the report does not warn of speeds on a busy machine, or of any")
	}
}

// Unknown values are not shown as 0, in the table or in JSON.
func TestTableUnknown(t *testing.T) {
	r := widest()
	r.Unknown, r.Required, r.Generation, r.Checked = "clusters are drawn", Required{}, nil, nil
	for i := range r.Points {
		r.Points[i].Greedy, r.Points[i].Speed = nil, nil
	}
	text := r.String()
	if !strings.Contains(text, "\nrequired P  not known: clusters are drawn\n") || strings.Contains(text, "median") ||
		strings.Contains(text, "tokens/s") {
		t.Error(text)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"required_probes", "greedy", "speed", "generation"} {
		if strings.Contains(string(data), `"`+key+`"`) {
			t.Errorf("%s is there: %s", key, data)
		}
	}
}
