// Package page writes an evaluation as one HTML page: charts over P, all numbers, and the continuations with marked
// differences. The page loads nothing from other hosts and has no script.
package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/evaluation"
)

var (
	//go:embed page.html
	source string
	//go:embed page.css
	style string

	page = template.Must(template.New("page").Parse(source))
)

// About is the size of a page with a dozen points, in bytes.
const About = 1 << 20

// Write writes the page that shows r, without what was not measured.
func Write(w io.Writer, r evaluation.Report) error { return page.Execute(w, newView(r)) }

// view is the input of the template: text, with all numbers formatted.
type view struct {
	Style    template.CSS
	File     string
	Lead     string
	Figures  []figure
	Required []fact
	Unknown  string // why there is no Required
	Probes   []head // columns of Numbers
	Numbers  []row
	Prompts  []prompt
	Command  string
	Sources  []fact
}

type fact struct{ Name, Value string }

func newView(r evaluation.Report) view {
	v := view{
		Style: template.CSS(style), File: visible(r.Model.File), Lead: r.Verdict(), Figures: figures(r),
		Unknown: visible(r.Unknown), Probes: heads(r), Numbers: table(r.Points), Prompts: prompts(r), Command: command(r),
		Sources: sources(r),
	}
	if r.Unknown == "" {
		v.Required = required(r.Required)
	}
	return v
}

// required lists the clusters that the dense head's best token needs, for growing shares of the positions.
func required(q evaluation.Required) []fact {
	p := func(v float64) string { return strconv.FormatFloat(math.Ceil(v), 'f', -1, 64) }
	return []fact{
		{"50 % of positions", p(q.Median)}, {"90 %", p(q.P90)}, {"95 %", p(q.P95)}, {"99 %", p(q.P99)}, {"99.9 %", p(q.P999)},
		{"all", p(q.Max)},
	}
}

// command returns the command that repeats the measurement.
func command(r evaluation.Report) string {
	words := []string{"fh-ollama", "eval", r.Model.File}
	option := func(name string, value any) { words = append(words, name, fmt.Sprint(value)) }
	if r.Text.Name != evaluation.BuiltIn {
		option("--text", r.Text.Name)
	}
	var probes []string
	for _, p := range r.Points {
		probes = append(probes, fmt.Sprint(p.Probes))
	}
	option("--probes", strings.Join(probes, ","))
	option("--chunks", r.Text.Chunks)
	option("--ctx", r.Text.Context)
	option("--predict", predicted(r))
	if r.Runtime.Mode == "sample" {
		option("--mode", "sample")
		option("--temperature", r.Runtime.Temperature)
		option("--seed", r.Runtime.Seed)
	}
	option("--threads", r.Runtime.Threads)
	for i, w := range words {
		words[i] = commandline.Quote(visible(w))
	}
	return strings.Join(words, " ")
}

// predicted returns the requested length of the continuations: the longest one, because hardly all end early.
func predicted(r evaluation.Report) int {
	most := 0
	for _, g := range r.Generation {
		most = max(most, g.Tokens)
	}
	return most
}
