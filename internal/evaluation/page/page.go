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

// Write writes the page that shows r, without what was not measured.
func Write(w io.Writer, r evaluation.Report) error { return page.Execute(w, newView(r)) }
