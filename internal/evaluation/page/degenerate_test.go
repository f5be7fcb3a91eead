package page

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

func TestHostileTexts(t *testing.T) {
	const hostile = "</style></title>--><script src=//example.com>alert(1)</script>" +
		"<img src=x onerror=alert(1)>\"'`{{.}}\x00\x1b\xff\u202e\ufffe\u0085"
	r := measured(64, 250)
	m := &r.Model
	m.File, m.Name, m.Architecture, m.Head, m.HeadType, m.CentroidType =
		hostile, hostile, hostile, hostile, hostile, hostile
	r.Runtime.Folder, r.Runtime.Mode, r.Text.Name, r.Text.SHA256, r.Unknown = hostile, hostile, hostile, hostile, hostile
	for i := range r.Generation {
		g := &r.Generation[i]
		g.Kind, g.Text, g.Dense = hostile, hostile, hostile
		for j := range g.Runs {
			g.Runs[j].Text = fmt.Sprint(j) + hostile
		}
	}
	all := read(t, write(t, r))
	title := named(all, "title")[0].text
	printable := strings.NewReplacer("\x00", "␀", "\x1b", "␛", "\xff", "\ufffd", "\ufffe", "\ufffd", "\u0085", "\ufffd")
	if want := "FlashHead on " + printable.Replace(hostile); title != want {
		t.Errorf("title %q, want %q", title, want)
	}
}

func TestDegenerateReports(t *testing.T) {
	all := statistics.Proportion{Count: 5120, Total: 5120}
	exact := func(p int) evaluation.Point {
		return evaluation.Point{
			Probes: p, HeadBytes: 9000000, SameTop: all, Top1: all, Top5: all, Top40: all, Mass: 1,
			Perplexity: evaluation.Perplexity{Value: 104.32, Error: 1.21},
			CoolKLD:    evaluation.Distribution{Mean: -2e-9, Error: 1e-9, Median: -1e-9},
		}
	}
	for name, c := range map[string]struct {
		change func(*evaluation.Report)
		want   []string
		not    []string
	}{
		"empty": {func(r *evaluation.Report) { *r = evaluation.Report{} }, nil, []string{"<mark", "same best token</th>"}},
		"a single P": {func(r *evaluation.Report) { r.Points = r.Points[1:] },
			[]string{"At its own P of 250, reading 250 of 2000 clusters"}, []string{"<polyline"}},
		"own P not measured": {func(r *evaluation.Report) { r.Model.Probes = 333 },
			[]string{"With P = 250 (its own, 333, was not measured)"}, nil},
		"no generation": {func(r *evaluation.Report) {
			r.Generation = nil
			for i := range r.Points {
				r.Points[i].Greedy, r.Points[i].Speed = nil, nil
			}
		}, []string{"same best token"}, []string{"<h2>Greedy continuations", ">identical<", "tokens a second<", "<h3>Speed"}},
		"speed of some": {func(r *evaluation.Report) { r.Points[0].Speed, r.Points[0].Greedy = nil, nil },
			[]string{"<td>–</td>", "<h3>Speed"}, nil},
		"tokens checked": {func(r *evaluation.Report) {
			r.Checked = &evaluation.Checked{Greedy: &evaluation.Greedy{Identical: statistics.Proportion{Count: 2, Total: 2}}}
		}, []string{"with checks by the dense head: 2 of\u00a02"}, nil},
		"clusters drawn": {func(r *evaluation.Report) {
			r.Unknown, r.Required, r.Runtime.Mode = "clusters are drawn", evaluation.Required{}, "sample"
		}, []string{"The required P is not known: clusters are drawn.", "best 40 scored exactly</th>"},
			[]string{"<h3>The required P"}},
		"exact": {func(r *evaluation.Report) { r.Points = []evaluation.Point{exact(2000)} },
			[]string{"<b>100\u00a0%</b> same best token", "<b>0</b> mean KLD", "≈ 0"}, []string{">100.00\u00a0%<small"}},
		"exact among others": {func(r *evaluation.Report) { r.Points = append(r.Points, exact(2000)) },
			[]string{"≈ 0", ">2000</th>"}, nil},
		"all but one": {func(r *evaluation.Report) {
			r.Points[0].SameTop = statistics.Proportion{Count: 999999, Total: 1000000}
		}, []string{"&gt;\u00a099.99\u00a0%"}, nil},
		"huge": {func(r *evaluation.Report) {
			r.Model.Vocabulary, r.Model.HeadBytes, r.Text.Positions = 262144, math.MaxInt64, math.MaxInt
			r.Points[0].KLD.Max, r.Points[0].KLD.Mean, r.Points[0].Perplexity.Value = math.MaxFloat64, 1e300, math.MaxFloat64
			r.Points[0].Speed.Ratio = 1e9
			for p := range 30 {
				r.Points = append(r.Points, point(1<<p, 5120))
			}
		}, []string{"262144 tokens", "1.8e&#43;308"}, nil},
		"not numbers": {func(r *evaluation.Report) {
			p := &r.Points[0]
			nan := math.NaN()
			p.KLD, p.CoolKLD = evaluation.Distribution{Mean: nan, Error: nan, P99: math.Inf(1)},
				evaluation.Distribution{Mean: math.Inf(-1)}
			p.Mass, p.SameDraw, p.Perplexity.Value, p.Greedy.Agreed, p.Speed.Ratio = nan, nan, nan, nan, nan
		}, []string{"∞"}, nil},
		"empty continuations": {func(r *evaluation.Report) {
			g := &r.Generation[0]
			g.Runs[0].Divergence, g.Runs[0].Text = 0, ""
			r.Generation[1].Dense, r.Generation[1].Tokens = "", 1
			g.Runs = g.Runs[:1]
		}, []string{"<i>nothing</i>", "<mark><i>ends here</i></mark>", "dense, 1 token;", "<td>–</td>"}, nil},
		"written from right to left": {func(r *evaluation.Report) {
			g := &r.Generation[0]
			g.Text, g.Dense, g.Runs[0].Text = "في البدء", "كانت الكلمة", "كانت الأرض"
		}, []string{`dir="auto">كانت ال<mark>أرض</mark>`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := measured(64, 250)
			c.change(&r)
			page := write(t, r)
			read(t, page)
			for _, want := range c.want {
				if !strings.Contains(page, want) {
					t.Errorf("no %q", want)
				}
			}
			for _, not := range c.not {
				if strings.Contains(page, not) {
					t.Errorf("there is %q", not)
				}
			}
		})
	}
}
