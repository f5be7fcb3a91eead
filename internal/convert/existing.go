package convert

import (
	"context"
	"fmt"
	"reflect"

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
	return &existing{path: m.Map}
}

// Made reports whether o.Output is already what Convert makes of o.Input with these options, from an earlier run. It
// reads both files; one that cannot be read counts as not made. The error is ctx's.
func Made(ctx context.Context, o Options, p *progress.Progress) (bool, error) {
	defer p.Close()
	src, err := flashhead.Open(o.Input)
	if err != nil {
		return false, ctx.Err()
	}
	defer src.Close()
	source := o.source()
	j := &job{Target: o.Target, source: source, src: src, progress: p}
	if j.check() != nil {
		return false, ctx.Err()
	}
	out, err := flashhead.OpenConverted(o.Output)
	if err != nil {
		return false, ctx.Err()
	}
	defer out.Close()
	found := out.Parameters
	if !j.planned(found) {
		return false, ctx.Err()
	}
	p.Start("comparing with " + o.Output)
	sums, err := digest(ctx, o.Input, src.DataStart)
	if err != nil || sums.whole != found.SourceSHA256 {
		return false, ctx.Err()
	}
	j.params = found
	if j.verify(ctx, o.Output, sums) != nil {
		return false, ctx.Err()
	}
	p.Done("the conversion is there already, as " + o.Output)
	return true, nil
}

// planned reports whether found agrees with this job's plan, apart from results of the work itself.
func (j *job) planned(found flashhead.Parameters) bool {
	want := j.params
	want.Assignments, want.Objective, want.SourceSHA256 = found.Assignments, found.Objective, found.SourceSHA256
	sizes := want.Codes
	want.Codes = found.Codes
	want.Codes.CoarseBits, want.Codes.FineBytes, want.Codes.Near = sizes.CoarseBits, sizes.FineBytes, sizes.Near
	want.Codes.Tolerance = sizes.Tolerance
	if want.Calibration != nil && found.Calibration != nil {
		if want.Calibration.TextSHA256 != found.Calibration.TextSHA256 ||
			want.Calibration.Targets != found.Calibration.Targets {
			return false
		}
		want.Codes.Tolerance = found.Codes.Tolerance // which calibration chooses
		want.Calibration = found.Calibration
	}
	return reflect.DeepEqual(want, found)
}
