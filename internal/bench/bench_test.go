package bench

import (
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// measured returns a report with every part. The rounds' ratios are 1.9 to 2.1.
func measured() Report {
	dense := []float64{50, 51, 49, 50, 50, 52}
	flash := []float64{100, 102, 98, 105, 95, 104}
	point := func(threads int, probes uint32) Point {
		p := Point{Threads: threads, Probes: probes, Decode: newPairs(dense, flash), Ceiling: 2.5, OfCeiling: 0.8,
			FreeHead: 2.75}
		prompt := newPairs([]float64{400, 400}, []float64{404, 396})
		p.Prompt = &prompt
		return p
	}
	answers := newPairs(dense, flash)
	return Report{
		Machine: Machine{System: llama.System{CPU: "AMD EPYC", Backend: "CPU", Commit: "0c1e57098"}, Processors: 2},
		Method:  Method{Rounds: 6, Tokens: 128, Prompt: 64},
		Results: []Result{{
			Model: Model{Name: "a|b.gguf", Architecture: "gemma3", Head: "token_embd.weight", HeadType: "q8_0",
				Vocabulary: 262144, Hidden: 640,
				Clusters: 16384, Probes: 1024, CentroidType: "q4_0", BodyBytes: 100, HeadBytes: 175},
			Points: []Point{point(1, 256), point(1, 1024), point(2, 256), point(2, 1024)},
			Answers: []Answers{{Threads: 2, Sampling: "greedy", Checked: &answers, Unchecked: answers},
				{Threads: 2, Sampling: "drawn", Unchecked: answers}},
			Load: []Load{{Head: "dense", Seconds: 1, Ratio: 1, Memory: 393e6},
				{Head: "FlashHead", Seconds: 1.25, Ratio: 1.24}},
			Doubts: []string{"it was noisy"},
		}},
	}
}

func TestPairs(t *testing.T) {
	p := measured().Results[0].Points[0].Decode
	if p.Dense != 50 || p.FlashHead != 101 || p.SpeedUp != 2 || p.Interval == nil || *p.Interval != (Interval{1.9, 2.1}) {
		t.Errorf("%+v, %v", p, p.Interval)
	}
	if p := newPairs([]float64{1, 1}, []float64{2, 2}); p.Interval != nil {
		t.Errorf("two rounds have an interval: %v", p.Interval)
	}
}

func TestText(t *testing.T) {
	text := measured().text()
	for _, want := range []string{
		"machine     AMD EPYC, 2 processors; llama.cpp 0c1e57098, CPU\n",
		"method      6 rounds of dense and FlashHead in turn, 128 tokens each, after a prompt of 64; medians\n",
		"head        token_embd.weight, q8_0, 262144 x 640, 64 % of the bytes read for a token\n",
		"      2  1024      50.0         101  2.00 (1.90 to 2.10)      2.50     80 %\n",
		"      1   256       400         400  1.00 (not known)\n",
		"FlashHead     1.25     124 %   not known\n",
		"\nAnswers of llama-server with P = 256:\n",
		"      2  greedy      50.0       101  2.00 (1.90 to 2.10)         101  2.00 (1.90 to 2.10)\n",
		"      2  drawn       50.0         -  -                           101  2.00 (1.90 to 2.10)\n",
		"\nDoubtful: it was noisy.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if len(line) > 101 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	r := measured()
	r.Results = append(r.Results, r.Results[0])
	if strings.Contains(r.text(), "machine") {
		t.Error("the machine is printed again")
	}
}

func TestMarkdown(t *testing.T) {
	r := measured()
	text := r.markdown() + r.markdownEnd()
	for _, want := range []string{
		"AMD EPYC, 2 processors; llama.cpp 0c1e57098, CPU; 6 rounds",
		`| a\|b.gguf | 2 | 1024 | 50.0 | 101 | 2.00 (1.90 to 2.10) | 2.50 | 80 % | 2.75 | 400 | 400 |` +
			" 1.00 (not known) |\n",
		`| a\|b.gguf | dense | 1.00 | 100 % | 393 |` + "\n",
		`| a\|b.gguf | 2 | drawn | 50.0 | - | - | 101 | 2.00 (1.90 to 2.10) |` + "\n",
		`- doubtful: a|b.gguf: it was noisy` + "\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	r.Results = append(r.Results, r.Results[0])
	if strings.Contains(r.markdown(), "threads") {
		t.Error("the header is printed again")
	}
}

// Of an answer of one token llama-server may not know the speed, and a runtime may not print the time of loading.
func TestJSON(t *testing.T) {
	r := measured()
	none := make([]float64, 6)
	r.Results[0].Answers[0].Unchecked = newPairs(none, none)
	r.Results[0].Load[1].Ratio = statistics.Number(statistics.Median(statistics.Ratios(none, none)))
	text := strings.Join(strings.Fields(r.json()), "")
	for _, want := range []string{`"speed_up":null,"speed_up_95":{"low":null,"high":null}`, `"ratio":null`} {
		if strings.Count(text, want) != 1 {
			t.Errorf("not one %s in %s", want, text)
		}
	}
	if !strings.Contains(text, `"decode":{"dense_runs":[50,51,49,50,50,52],`) {
		t.Errorf("no runs in %s", text)
	}
}

func TestPicture(t *testing.T) {
	svg := measured().picture()
	for _, want := range []string{"a|b.gguf", "1 thread<", "2 threads<", "P = 1024", "50.0 tokens/s",
		"101 tokens/s, 2.00\u00a0×", "doubtful"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %q in\n%s", want, svg)
		}
	}
}

func TestPoints(t *testing.T) {
	p := flashhead.Parameters{Clusters: 8016, Probes: 501}
	for _, c := range []struct {
		words []string
		want  []uint32
	}{
		{nil, []uint32{501}},
		{[]string{"K/16", "256"}, []uint32{256, 501}},
		{[]string{"k/7", "8016", "1", "1"}, []uint32{1, 1146, 8016}},
	} {
		if got, err := (Options{Probes: c.words}).points(p); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, %v", c.words, got, err)
		}
	}
	if _, err := (Options{Probes: []string{"8017"}}).points(p); err == nil {
		t.Error("8017 of 8016 clusters: no error")
	}
}

func TestDoubts(t *testing.T) {
	interval := func(low, high statistics.Number) Point {
		return Point{Threads: 1, Probes: 7, Decode: Pairs{Interval: &Interval{low, high}}}
	}
	for _, c := range []struct {
		look func(*measurement)
		want string // "" for no doubt
	}{
		{func(m *measurement) { m.doubtPoint(interval(0.99, 1.2)) }, "with 1 thread and P = 7 it is too noisy to tell"},
		{func(m *measurement) { m.doubtPoint(interval(1.01, 1.2)) }, ""},
		{func(m *measurement) { m.doubtPoint(interval(0.8, 0.9)) }, ""},
		{func(m *measurement) { m.doubtPoint(Point{}) }, ""},
		{func(m *measurement) { m.doubtTolerance(0.02) }, "llama-bench decodes random tokens"},
		{func(m *measurement) { m.doubtTolerance(0) }, ""},
		{func(m *measurement) { m.doubtRuns(2, []float64{10, 10, 15}, nil) },
			"with 2 threads the dense runs differ a lot, 10.0 to 15.0"},
		{func(m *measurement) { m.doubtRuns(2, []float64{10, 10, 10}, []float64{0, 0.1, 2}) }, ""},
		{func(m *measurement) { m.doubtRuns(2, []float64{10, 10, 10}, []float64{0, 0.5, 2}) },
			"with 2 threads other programs used 0.5 processors"},
	} {
		m := &measurement{}
		c.look(m)
		got := strings.Join(m.result.Doubts, "; ")
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
