// Package page writes an evaluation as one HTML page for people: pictures over P, all numbers, and the continuations
// with what differs marked. The page asks nothing of any host and needs no script.
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

// Write writes the page that shows r. What was not measured is left out of it.
func Write(w io.Writer, r evaluation.Report) error { return page.Execute(w, newView(r)) }
