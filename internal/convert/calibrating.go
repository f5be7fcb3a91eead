package convert

import (
	"context"
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/calibrate"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// calibrating is a clustering with a sketch, pinned tokens and P that were found on a text.
type calibrating struct {
	*clustering
	text    calibrate.Text
	context uint64 // the model's, in tokens; 0 if not known
}

// Plan returns K, the sketch's rank and the provenance.
func (c *calibrating) Plan(src *flashhead.Model) (flashhead.Parameters, error) {
	params, err := c.clustering.Plan(src)
	if err != nil {
		return params, err
	}
	if c.text, err = calibrate.ReadText(c.Calibrate); err != nil {
		return params, err
	}
	if c.Agreement == 0 {
		c.Agreement = calibrate.DefaultTarget
	}
	arch, _ := src.Str("general.architecture")
	c.context, _ = src.Uint(arch + ".context_length")
	if params.Sketch.Rank = c.SketchRank; c.SketchRank == RankByWidth {
		params.Sketch.Rank = flashhead.DefaultSketchRank(src.Head.Width())
	}
	params.Calibration = &flashhead.Calibration{TextName: c.text.Name, TextSHA256: c.text.SHA256,
		Target: float32(c.Agreement)}
	return params, nil
}

// Fill runs the model on the text, clusters, and calibrates. It checks for what may be missing before the long work.
func (c *calibrating) Fill(ctx context.Context, params *flashhead.Parameters, p *progress.Progress) error {
	tool, err := native.Find(ctx, c.LibDir, installation.Here())
	if err != nil {
		return err
	}
	programs, err := llama.FindServer(ctx, c.LibDir, installation.Here())
	if err != nil {
		return err
	}
	states, err := calibrate.Collect(ctx, programs, calibrate.Options{
		Model: c.Input, Text: c.text, Width: int(c.head.Width()), Context: c.context, Threads: c.Threads,
	}, p)
	if err != nil {
		return err
	}
	defer states.Close()
	if err := c.clustering.Fill(ctx, params, p); err != nil {
		return err
	}

	p.Start("calibrating")
	found, err := tool.Calibrate(ctx, native.CalibrateOptions{
		Map: native.Map{
			Head:        native.Head{Model: c.Input, Tensor: c.head.Tensor.Name},
			Assignments: params.Assignments, Clusters: params.Clusters, Columns: c.head.Width(),
		},
		Hidden: states.Path, Fit: int64(states.Fit), Rank: params.Sketch.Rank,
		CentroidType: params.CentroidType.String(), Threads: c.Threads,
	}, func(state native.Progress) { p.Set(state.Fraction, state.Stage) })
	if err != nil {
		return err
	}
	if len(found.Records) != states.Count {
		return hint.New(fmt.Sprintf("the calibration has records of %d positions, not of %d", len(found.Records),
			states.Count), "build again: fh-ollama build")
	}
	if params.Sketch.Rank > 0 {
		params.Sketch.Rows, params.Sketch.Activations = found.Rows, found.Activations
	}
	plan := calibrate.New(calibrate.Problem{
		Records: found.Records, Fit: states.Fit, Vocab: int(c.head.Vocab()), Clusters: int(params.Clusters),
		Pinned: params.Pinned, Target: c.Agreement, Probes: c.Probes,
	})
	if err := params.Select(c.Probes, uint32(plan.Probes), params.Pinned, plan.Pinned); err != nil {
		return err
	}
	params.Calibration.Tokens = uint32(states.Count)
	plan.Describe(params.Calibration)
	p.Done(calibrated(params))
	return nil
}
