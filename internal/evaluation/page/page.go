// Package page writes an evaluation as one HTML page: charts over P, all numbers, and the continuations with marked
// differences. The page loads nothing from other hosts and has no script.
package page

import (
	_ "embed"
	"html/template"
	"io"

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
	Style   template.CSS
	File    string
	Lead    string
	Figures []figure
	Probes  []head // columns of Numbers
	Numbers []row
	Prompts []prompt
	Command string
	Sources []fact
}

type fact struct{ Name, Value string }

func newView(r evaluation.Report, command string) view {
	return view{
		Style: template.CSS(style), File: visible(r.Model.File), Lead: r.Verdict(), Figures: figures(r), Probes: heads(r),
		Numbers: table(r.Points), Prompts: prompts(r), Command: visible(command), Sources: sources(r),
	}
}
