package page

import (
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

func write(t *testing.T, r evaluation.Report) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, r, "fh-ollama eval "+r.Model.File); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkSafe checks the rules for every page: it is well-formed XML, has no script, and loads nothing from other hosts.
func checkSafe(t *testing.T, page string) {
	t.Helper()
	forbidden := []string{"script", "iframe", "img", "object", "embed", "form", "a", "base", "image", "use"}
	for d := xml.NewDecoder(strings.NewReader(page)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, page)
		}
		e, begins := token.(xml.StartElement)
		if !begins {
			continue
		}
		if slices.Contains(forbidden, e.Name.Local) {
			t.Errorf("the page has a %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			if name := a.Name.Local; name == "src" || name == "style" || strings.HasPrefix(name, "on") ||
				name == "href" && a.Value != "data:," {
				t.Errorf("%s has %s=%q", e.Name.Local, name, a.Value)
			}
		}
	}
	for _, bad := range []string{"NaN", "Inf", "ZgotmplZ", "%!", "url(", "@import"} {
		if strings.Contains(page, bad) {
			t.Errorf("%s in the page", bad)
		}
	}
}

// Numbers are shown with enough digits and the confidence intervals of shares. Curves have them as tooltips.
func TestNumbers(t *testing.T) {
	r := measured(32, 64)
	of := func(count int) statistics.Proportion { return statistics.Proportion{Count: count, Total: 1000} }
	r.Points[1] = evaluation.Point{Probes: 250, HeadBytes: 2176000, SameTop: of(997), Top40: of(1000), Mass: 0.98765,
		KLD:   evaluation.Distribution{Mean: 0.08301, Error: 0.00212, P999: 2.5},
		Kinds: []evaluation.Kind{{Name: "code", SameDraw: 0.99991}},
		Speed: &evaluation.Speed{Ratio: 1.56, Low: 1.21, High: 1.87},
	}
	page := strings.ReplaceAll(write(t, r), "\u00a0", " ")
	for name, want := range map[string]string{
		"head_bytes": "2176000", "same_top": "99.70 % (99.12 to 99.90) of 1000",
		"top_40_contained": "100 % (99.62 to 100.00) of 1000", "mass_covered": "0.98765",
		"kld.mean": "0.083010", "kld.p99_9": "2.5000", "kinds.code.same_draw": "0.99991",
		"kinds.languages.same_draw": "–", "speed.ratio": "1.5600",
	} {
		row := regexp.MustCompile(`<th scope="row">` + regexp.QuoteMeta(name) + `</th><td>.*</td><td>(.*)</td></tr>`)
		if found := row.FindStringSubmatch(page); found == nil || found[1] != want {
			t.Errorf("%s is %q, want %s", name, found, want)
		}
	}
	for _, want := range []string{"99.70 % (99.12 to 99.90)", "0.0830 ± 0.0021", "1.56 (1.21 to 1.87) times as fast",
		"25.00 %, 2.18 MB", "98.77 %"} {
		if !strings.Contains(page, "<title>P = 250: "+want+"</title>") {
			t.Errorf("no point is called %s", want)
		}
	}
}

func TestContinuations(t *testing.T) {
	r := measured(64, 128, 250)
	page := write(t, r)
	for _, want := range []string{
		r.Generation[0].Text, r.Generation[0].Dense,
		"P = 64, differs from token 10 on", "I have a g<mark>ood many children, and that is all.</mark>",
		"dense, 64 tokens; the same with P = 128, 250",
		"P = 64, 128, differs from token 11 on", "dense, 64 tokens; the same with P = 250",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct{ dense, text, common, rest string }{
		{"one two", "one three", "one t", "hree"},
		{"one", "one", "one", ""},
		{"one two", "one", "one", ""},
		{"", "x", "", "x"},
		{"x", "", "", ""},
		{"有一个村庄", "有一个老人", "有一个", "老人"},
		{"गाँव", "गीत", "", "गीत"},         // a vowel sign stays with its consonant
		{"cafe\u0301", "cafe", "caf", "e"}, // so does an accent, whichever text has it
		{"👩\u200d👦", "👩\u200d👧", "", "👩\u200d👧"},
	} {
		common, rest := split(c.dense, c.text)
		if common != c.common || rest != c.rest {
			t.Errorf("%q, %q: %q and %q", c.dense, c.text, common, rest)
		}
	}
}

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
	page := write(t, r)
	checkSafe(t, page)
	printable := strings.NewReplacer("\x00", "␀", "\x1b", "␛", "\xff", "\ufffd", "\ufffe", "\ufffd", "\u0085", "\ufffd")
	if want := "FlashHead on " + printable.Replace(hostile); !strings.Contains(html.UnescapeString(page), want) {
		t.Errorf("no %q in %s", want, page)
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
		}, []string{"<dt>unknown</dt><dd><bdi>clusters are drawn<", "top_40_contained</th>"},
			[]string{"required_probes.median"}},
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
		}, []string{"<i>nothing</i>", "<mark><i>ends here</i></mark>", "dense, 1 token;"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := measured(64, 250)
			c.change(&r)
			page := write(t, r)
			checkSafe(t, page)
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

// measured returns a report like that of a small model, with these P's.
func measured(probes ...int) evaluation.Report {
	r := evaluation.Report{
		Model: evaluation.Model{
			File: "demo.gguf", Name: "Demo 12M", Architecture: "llama", Head: "output.weight", HeadType: "q8_0",
			Vocabulary: 32000, Hidden: 256, Clusters: 2000, Probes: 250, Pinned: 4, CentroidType: "q4_0", HeadBytes: 8704000,
		},
		Runtime:  evaluation.Runtime{Folder: "dist/lib/ollama", Threads: 2, Mode: "top"},
		Text:     evaluation.Text{Name: "heldout.txt", SHA256: "3b1f5d0a", Context: 256, Chunks: 40, Positions: 5120},
		Dense:    evaluation.Perplexity{Value: 104.32, Error: 1.21},
		Required: evaluation.Required{Median: 1, P90: 16, P95: 43, P99: 144, P999: 1897, Max: 1999},
		Seconds:  83.2,
	}
	for _, p := range probes {
		r.Points = append(r.Points, point(p, 5120))
	}
	for i, kind := range []string{"prose", "code"} {
		prompt := evaluation.Prompt{Kind: kind, Text: "We, the people,", Tokens: 64,
			Dense: "and we are in the world. I have a great deal of our children, and I shall not be able to do so."}
		for _, p := range probes {
			t := evaluation.Trial{Probes: p, Divergence: -1, Text: prompt.Dense, Speed: 1600, DenseSpeed: 1000}
			if p < 100*(i+1) {
				t.Divergence, t.Text = 9+i, "and we are in the world. I have a good many children, and that is all."
			}
			prompt.Runs = append(prompt.Runs, t)
		}
		r.Generation = append(r.Generation, prompt)
	}
	return r
}

// point returns a point. Shares grow and the divergence falls with P.
func point(p, positions int) evaluation.Point {
	x := float64(p)
	miss := 0.89 / (x + 4)
	ratio := 2.5 / (1 + x/1000)
	of := func(share float64, total int) statistics.Proportion {
		return statistics.Proportion{Count: int(math.Round(share * float64(total))), Total: total}
	}
	spread := func(mean float64) evaluation.Distribution {
		return evaluation.Distribution{Mean: mean, Error: mean / 30, Median: mean / 4, P90: mean * 3, P95: mean * 4,
			P99: mean * 7, P999: mean * 15, Max: mean * 21}
	}
	return evaluation.Point{
		Probes: p, HeadBytes: 288000 + int64(p)*16*272, Perplexity: evaluation.Perplexity{Value: 104.32 + 300/x, Error: 1.23},
		KLD: spread(11 / math.Pow(x, 0.88)), CoolKLD: spread(7 / math.Pow(x, 0.9)),
		SameTop: of(1-miss, positions), Top1: of(1-miss*0.9, positions), Top5: of(1-2*miss,
			5*positions), Top40: of(1-3.4*miss, 40*positions),
		Mass:     1 - 2.5*miss,
		SameDraw: 1 - 1.8*miss,
		Kinds: []evaluation.Kind{
			{Name: "code", SameTop: of(1-miss, positions/2), SameDraw: 1 - 1.5*miss, KLD: 9 / x, KLDError: 0.3 / x},
			{Name: "languages", SameTop: of(1-2*miss, positions/2), SameDraw: 1 - 2.1*miss, KLD: 13 / x, KLDError: 0.4 / x},
		},
		Greedy: &evaluation.Greedy{Identical: of(1-math.Min(0.9, 40/x), 12), Agreed: 1 - math.Min(0.8, 25/x)},
		Speed:  &evaluation.Speed{Dense: 1040, Flash: 1040 * ratio, Ratio: ratio, Low: 0.8 * ratio, High: 1.1 * ratio},
	}
}
