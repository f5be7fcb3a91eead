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

// calibrating is a clustering with codes, and with P that was found on a text.
type calibrating struct {
	*clustering
	text    calibrate.Text
	context uint64 // the model's, in tokens; 0 if not known
}

// Plan returns K, the sizes of the codes and the provenance.
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
	centroids, err := flashhead.CentroidType(c.CentroidType, src.Head)
	if err != nil {
		return params, hint.Wrap(err, "choose another --centroid-type, or none for the default")
	}
	params.Codes = flashhead.DefaultCodes(src.Head, params.Clusters, centroids)
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
	found, err := c.run(ctx, tool, states, params, p)
	if err != nil {
		return err
	}
	problem := calibrate.Problem{
		Positions: found.Positions, Kinds: states.HeldOut, Vocab: int(c.head.Vocab()), Clusters: int(params.Clusters),
		Pinned: params.Pinned, Target: c.Agreement, Probes: c.Probes,
	}
	plan := calibrate.New(problem)
	if uint32(plan.Probes) != params.Probes { // the divergences were those of another P
		params.Probes = uint32(plan.Probes)
		if found, err = c.run(ctx, tool, states, params, p); err != nil {
			return err
		}
		problem.Positions, problem.Probes = found.Positions, plan.Probes
		plan = calibrate.New(problem)
	}
	params.Codes = found.Codes
	params.Calibration.Tokens = uint32(states.Count)
	plan.Describe(params.Calibration)
	p.Done(calibrated(params))
	return nil
}

// run makes the codes, and records what the runtime would do with them for params.Probes.
func (c *calibrating) run(ctx context.Context, tool native.Tool, states *calibrate.States, params *flashhead.Parameters,
	p *progress.Progress) (native.CalibrateResult, error) {
	found, err := tool.Calibrate(ctx, native.CalibrateOptions{
		Map: native.Map{
			Head:        native.Head{Model: c.Input, Tensor: c.head.Tensor.Name},
			Assignments: params.Assignments, Clusters: params.Clusters, Columns: c.head.Width(),
		},
		Codes: params.Codes, Directions: params.Codes.Directions(c.head.Width()), Probes: params.Probes,
		CentroidType: params.CentroidType.String(), Threads: c.Threads, Hidden: states.Path, Fit: states.Fit,
	}, func(state native.Progress) { p.Set(state.Fraction, state.Stage) })
	if err == nil && len(found.Positions) != len(states.HeldOut) {
		err = hint.New(fmt.Sprintf("the calibration has records of %d positions, not of %d", len(found.Positions),
			len(states.HeldOut)), "build again: fh-ollama build")
	}
	return found, err
}
