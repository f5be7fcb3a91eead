package page

import (
	"fmt"
	"math"
	"slices"
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
	title := all[slices.IndexFunc(all, func(e element) bool { return e.name == "title" })].text
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
		"empty": {func(r *evaluation.Report) { *r = evaluation.Report{} }, nil, []string{"<mark", "same_top</th>"}},
		"no generation": {func(r *evaluation.Report) {
			r.Generation = nil
			for i := range r.Points {
				r.Points[i].Greedy, r.Points[i].Speed = nil, nil
			}
		}, []string{"same best token"}, []string{"<h2>Greedy continuations", ">greedy.agreed<", ">speed.flash<",
			"<h3>Speed"}},
		"tokens checked": {func(r *evaluation.Report) {
			r.Checked = &evaluation.Checked{Greedy: &evaluation.Greedy{Identical: statistics.Proportion{Count: 2, Total: 2}}}
		}, []string{"checked.greedy.identical</dt><dd><bdi>100\u00a0% (34.24 to\u00a0100.00) of 2<"}, nil},
		"clusters drawn": {func(r *evaluation.Report) {
			r.Unknown, r.Required, r.Runtime.Mode = "clusters are drawn", evaluation.Required{}, "sample"
		}, []string{"The required P is not known: clusters are drawn.", "top_40_contained</th>"},
			[]string{"<h3>The required P"}},
		"exact": {func(r *evaluation.Report) { r.Points = []evaluation.Point{exact(2000)} },
			[]string{"<td>100\u00a0% (99.9", "≈ 0"}, []string{">100.00\u00a0% ("}},
		"all but one": {func(r *evaluation.Report) {
			r.Points[0].SameTop = statistics.Proportion{Count: 999999, Total: 1000000}
		}, []string{"<td>&gt;\u00a099.99\u00a0%"}, nil},
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
