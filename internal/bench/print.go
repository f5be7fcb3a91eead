package bench

import (
	"context"
	"encoding/json"
	"io"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// Format formats a report.
type Format struct {
	result func(Report) string // formats the last result, after each
	end    func(Report) string // formats what follows the last one
}

var (
	Text     = Format{Report.text, nothing}
	Markdown = Format{Report.markdown, Report.markdownEnd}
	JSON     = Format{nothing, Report.json}
)

// Document returns all that Print prints as Markdown; nothing for no results.
func (r Report) Document() string {
	text := ""
	for i := range r.Results {
		text += Report{r.Machine, r.Method, r.Results[:i+1]}.markdown()
	}
	return text + r.markdownEnd()
}

func nothing(Report) string { return "" }

func (r Report) json() string {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}

// aboutPicture is an upper bound of a picture's bytes.
const aboutPicture = 1 << 20

// Print runs Run and prints each result to out as soon as it is measured. It writes a picture of all results to the
// path svg, unless that is "".
func Print(ctx context.Context, o Options, format Format, out io.Writer, svg string, p *progress.Progress) error {
	var picture *atomicfile.File
	if svg != "" {
		var err error
		if picture, err = atomicfile.Create(svg, "--svg", aboutPicture, false); err != nil {
			return err
		}
		defer picture.Discard()
	}
	report, err := Run(ctx, o, p, func(r Report) error {
		_, err := io.WriteString(out, format.result(r))
		return err
	})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, format.end(report)); err != nil || picture == nil {
		return err
	}
	return picture.Complete([]byte(report.picture()))
}
