package convert

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// Summary tells what a conversion made.
type Summary struct {
	Output     string
	Head       flashhead.Head
	Parameters flashhead.Parameters
	Grown      int64 // bytes added to the file, or all of a map file
	Map        bool  // Output is a map file
	Cost       flashhead.Cost
	Took       time.Duration
	Next       string // what String says to do with the output; "": create a model from it
}

// MapSource provides a conversion's map of clusters.
type MapSource interface {
	// Plan returns what is known before anything is written: at least Clusters, then Probes (0 for the default), the
	// sizes of codes, extra Pinned tokens, and the provenance. An error means that there can be no map.
	Plan(src *flashhead.Model) (flashhead.Parameters, error)

	// Fill does the slow work: it sets Assignments and may change the result of Plan. It reports its stages to p.
	Fill(ctx context.Context, params *flashhead.Parameters, p *progress.Progress) error
}

// Convert makes o.Output from o.Input with a map from the native tool, calibrated unless o says otherwise. If the input
// has a map file that was made with the same options, that map is taken.
func Convert(ctx context.Context, o Options, p *progress.Progress) (Summary, error) {
	if err := o.Validate(); err != nil {
		return Summary{}, err
	}
	source := o.besideInput()
	if source == nil {
		source = o.source()
	}
	summary, err := From(ctx, source, o.Target, p)
	return summary, stopped(ctx, err)
}

// stopped adds a hint to an error if the user stopped the work.
func stopped(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return hint.Wrap(ctx.Err(), "run the same command again: it starts anew, and nothing is left of this run")
	}
	return err
}

// source returns the source of the map.
func (o Options) source() MapSource { return &fresh{Options: o} }

const otherCentroids = "choose another --centroid-type, or none for the default"

// From makes t.Output from t.Input with the map of source. The input is only read. The output gets its name when it is
// complete, synced and verified. Errors carry a hint.
func From(ctx context.Context, source MapSource, t Target, p *progress.Progress) (Summary, error) {
	begun := time.Now()
	defer p.Close()
	if t.Output == "" {
		t.Output = DefaultOutput(t.Input)
	}
	if err := t.Validate(); err != nil {
		return Summary{}, err
	}
	src, err := flashhead.Open(t.Input)
	if err != nil {
		return Summary{}, err
	}
	defer src.Close()
	job := &job{Target: t, source: source, src: src, progress: p}
	if err := job.check(); err != nil {
		return Summary{}, fmt.Errorf("%s: %w", t.Input, err)
	}
	if err := t.checkOutput(); err != nil {
		return Summary{}, err
	}
	out, err := t.create(src.Size + job.params.KeyBytes(src.Head))
	if err != nil {
		return Summary{}, err
	}
	defer out.Discard()
	if err := job.run(ctx, out); err != nil {
		return Summary{}, err
	}
	summary := job.summary(out, begun)
	summary.Map, summary.Grown = false, out.Size-src.Size
	return summary, nil
}

// job is one conversion.
type job struct {
	Target
	source   MapSource
	src      *flashhead.Model
	params   flashhead.Parameters
	progress *progress.Progress
}

// check returns an error if the input cannot be converted, and fills in the parameters that do not depend on the map.
// Nothing is written yet.
func (j *job) check() error {
	if j.src.Obstacle != nil {
		return j.src.Obstacle
	}
	if j.src.Converted && !j.Force {
		return hint.New("already converted", "use it as it is, or give --force to replace its clusters")
	}
	var err error
	if j.params, err = j.source.Plan(j.src); err != nil {
		return err
	}
	if j.params.CentroidType, err = flashhead.CentroidType(j.CentroidType, j.src.Head); err != nil {
		return hint.Wrap(err, otherCentroids)
	}
	pinned := flashhead.DefaultPinned(j.src.File, j.src.Head)
	if err := j.params.Select(j.Probes, j.params.Probes, pinned, j.params.Pinned); err != nil {
		return err
	}
	j.params.Tensor, j.params.ToolVersion = j.src.Head.Tensor.Name, j.ToolVersion
	return nil
}

// run gets the map, writes and verifies.
func (j *job) run(ctx context.Context, out *atomicfile.File) error {
	var source digests
	err := j.fill(ctx, func(ctx context.Context) (err error) {
		source, err = digest(ctx, j.Input, j.src.DataStart)
		return err
	})
	if err != nil {
		return err
	}
	j.params.SourceSHA256 = source.whole
	return j.write(ctx, out, source)
}

// fill gets the map, and in parallel calls read, which computes digests of the source.
func (j *job) fill(ctx context.Context, read func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- read(ctx) }()
	err := j.source.Fill(ctx, &j.params, j.progress)
	if err != nil {
		cancel()
	}
	if readErr := <-result; err == nil {
		err = readErr
	}
	return err
}

// write writes the output, reads it again, compares, and gives it its name.
func (j *job) write(ctx context.Context, out *atomicfile.File, source digests) error {
	stop := func(done, total int64) error {
		j.progress.Set(float64(done)/float64(max(total, 1)), "")
		return ctx.Err()
	}
	j.progress.Start("writing")
	if err := j.src.Rewrite(out.File, flashhead.IsKey, j.params.Keys(), stop); err != nil {
		return out.Explain(err)
	}
	if err := out.Finish(); err != nil {
		return err
	}
	j.progress.Done("wrote " + filepath.Base(j.Output))
	j.progress.Start("verifying")
	if err := j.verify(ctx, out.Path(), source); err != nil {
		return err
	}
	if err := out.Publish(); err != nil {
		return err
	}
	j.progress.Done("verified that every tensor is the same")
	return nil
}
