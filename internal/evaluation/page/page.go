// Package page writes an evaluation as one HTML page: charts over P, all numbers, and the continuations with marked
// differences. The page loads nothing from other hosts and has no script.
package page

import (
	_ "embed"
	"html/template"
	"io"
	"math"
	"strconv"

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

// Write writes the page that shows r, without what was not measured. command is the command line that measured it.
func Write(w io.Writer, r evaluation.Report, command string) error {
	return page.Execute(w, newView(r, command))
}

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

func newView(r evaluation.Report, command string) view {
	v := view{
		Style: template.CSS(style), File: visible(r.Model.File), Lead: r.Verdict(), Figures: figures(r),
		Unknown: visible(r.Unknown), Probes: heads(r), Numbers: table(r.Points), Prompts: prompts(r), Command: visible(command),
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
