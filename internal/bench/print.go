package bench

import (
	"context"
	"io"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/finite"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// Format is a way to print a report.
type Format struct {
	result func(Report) string // its last result, as soon as it is there
	end    func(Report) string // after all
}

// The formats.
var (
	Text     = Format{Report.text, nothing}
	Markdown = Format{Report.markdown, Report.markdownEnd}
	JSON     = Format{nothing, Report.json}
)

func nothing(Report) string { return "" }

func (r Report) json() string {
	text, err := finite.JSON(r)
	if err != nil {
		panic(err) // a report has nothing that JSON lacks
	}
	return string(text)
}

// aboutPicture is more than the size of a picture of all shapes and types, in bytes.
const aboutPicture = 1 << 20

// Print is Run with the results printed to out while they come, and shown in a picture at the path svg, if that is not
// "".
func Print(ctx context.Context, o Options, format Format, out io.Writer, svg string, p *progress.Progress) error {
	var picture *atomicfile.File
	if svg != "" {
		var err error
		if picture, err = atomicfile.CreateNew(svg, "--svg", aboutPicture); err != nil {
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
	if _, err := io.WriteString(picture, report.picture()); err != nil {
		return picture.Explain(err)
	}
	if err := picture.Finish(); err != nil {
		return err
	}
	return picture.Publish()
}
