package convert

import (
	"context"
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// existing is a map that was made before, for this head.
type existing struct {
	path   string // of the map file
	params flashhead.Parameters
}

// WithMap makes t.Output from t.Input with the map in the file at path, as From does.
func WithMap(ctx context.Context, path string, t Target, p *progress.Progress) (Summary, error) {
	return From(ctx, &existing{path: path}, t, p)
}

// Plan checks that the map fits.
func (e *existing) Plan(src *flashhead.Model) (flashhead.Parameters, error) {
	params, damage := mapfile.Read(e.path, src)
	if damage != nil {
		return params, hint.Wrap(fmt.Errorf("the map %s does not fit: %w", e.path, damage),
			"give the map of this very model, or convert without --map")
	}
	e.params = params
	return params, nil
}

// Fill takes the map as it is, with its provenance.
func (e *existing) Fill(_ context.Context, params *flashhead.Parameters, p *progress.Progress) error {
	p.Start("taking the map")
	*params = e.params
	p.Done("took the map " + e.path)
	return nil
}

// besideInput returns the map file of the input if it is what a conversion with o would make; nil if not.
func (o Options) besideInput() MapSource {
	m, err := mapfile.Open(o.Input)
	if err != nil {
		return nil
	}
	defer m.Close()
	if m.Map == "" || m.Damage != nil {
		return nil
	}
	j := &job{Target: o.Target, source: o.source(), src: m}
	m.Converted = false // the input has no keys of its own
	if j.check() != nil || !j.planned(m.Parameters) {
		return nil
	}
	return &existing{m.Map, m.Parameters}
}
