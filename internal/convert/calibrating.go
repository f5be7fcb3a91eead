package convert

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/calibrate"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// calibrate runs the model on the text, clusters, and fits codes to the model's hidden states. It checks first for
// anything that may be missing.
func (f *fresh) calibrate(ctx context.Context, tool native.Tool, params *flashhead.Parameters,
	p *progress.Progress) error {
	programs, err := llama.FindServer(ctx, f.LibDir, installation.Here())
	if err != nil {
		return orWithout(err)
	}
	states, err := calibrate.Collect(ctx, programs, calibrate.Options{
		Model: cmp.Or(f.Loads, f.Input), Text: f.text, Width: int(f.head.Width()), Threads: f.Threads,
	}, p)
	if err != nil {
		return orWithout(err)
	}
	defer states.Close()
	if err := f.cluster(ctx, tool, params, p); err != nil {
		return err
	}

	p.Start("calibrating")
	if err := f.search(ctx, tool, states, params, p); err != nil {
		return err
	}
	p.Done("calibrated: " + params.Calibration.Overall().String())
	return nil
}

// search makes the codes and changes the tolerance until half of the held-out states meet the targets, or without
// targets until little enough is read. The results are those of the other half, or of all states without targets.
func (f *fresh) search(ctx context.Context, tool native.Tool, states *calibrate.States,
	params *flashhead.Parameters, p *progress.Progress) error {
	job := f.job(params)
	job.Hidden, job.Fit = states.Path, states.Fit
	var trials []calibrate.Trial
	for {
		found, err := tool.Calibrate(ctx, job, func(state native.Progress) {
			p.Set(state.Fraction, fmt.Sprintf("tolerance %.3g, %s", job.Codes.Tolerance, state.Stage))
		})
		if err != nil {
			return err
		}
		if len(found.Positions) != len(states.HeldOut) {
			return hint.New(fmt.Sprintf("the calibration has records of %d positions, not of %d", len(found.Positions),
				len(states.HeldOut)), "build again: fh-ollama build")
		}
		params.Codes = found.Codes
		trial := calibrate.Trial{Tolerance: job.Codes.Tolerance, Positions: found.Positions, Places: states.HeldOut,
			Read: f.cost.Counted(found.Near, found.Exact) / float64(f.cost.Head)}
		trials = append(trials, trial)
		next, more := calibrate.Next(f.Targets, f.quality.MostRead(), trials)
		if !more {
			if f.Targets.Any() {
				trial = trial.Half(false)
			}
			result := params.Calibration
			result.Tokens, result.HeldOut, result.Kinds = uint32(states.Count), uint32(len(states.HeldOut)), trial.Kinds()
			result.Near, result.Exact = float32(found.Near), float32(found.Exact)
			result.Reached = f.Targets.Met(result.Kinds)
			return nil
		}
		job.Codes.Tolerance = next
	}
}

// orWithout adds to the hint for a model that cannot run: it can be converted without calibration.
func orWithout(err error) error {
	const flag = "--no-calibrate"
	way := hint.Of(err)
	switch {
	case strings.Contains(way, flag):
		return err
	case way == "":
		return hint.Wrap(err, "convert with "+flag)
	}
	return hint.Wrap(err, way+"; or convert with "+flag)
}
