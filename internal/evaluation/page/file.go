package page

import (
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/evaluation"
)

// File is an unfinished page. It appears under its name only when it is complete.
type File struct{ out *atomicfile.File }

// about is the size of a page with a dozen points, in bytes.
const about = 1 << 20

// Create begins the page at path, so that a failure shows before a long measurement.
func Create(path string) (*File, error) {
	out, err := atomicfile.CreateNew(path, "--html", about)
	if err != nil {
		return nil, err
	}
	return &File{out}, nil
}

// Write writes the page that shows r, and gives it its name.
func (f *File) Write(r evaluation.Report) error {
	if err := Write(f.out, r); err != nil {
		return f.out.Explain(fmt.Errorf("the page: %w", err))
	}
	if err := f.out.Finish(); err != nil {
		return err
	}
	return f.out.Publish()
}

// Discard removes a page that was not written.
func (f *File) Discard() { f.out.Discard() }
