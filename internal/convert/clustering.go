package convert

import (
	"context"
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/calibrate"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// fresh is the map that the native tool makes from the head's rows: clusters, and codes unless the head is plain.
type fresh struct {
	Options
	head    flashhead.Head
	quality flashhead.Quality // of the codes

	// Of a calibration.
	text calibrate.Text
	cost flashhead.Cost
}

// Plan returns K, P, the sizes of the codes and the provenance.
func (f *fresh) Plan(src *flashhead.Model) (flashhead.Parameters, error) {
	f.head = src.Head
	if f.Plain && f.head.Bias {
		return flashhead.Parameters{}, hint.New("the head has a bias, by which a plain head cannot choose",
			"convert without --plain")
	}
	size := f.clusterSize()
	k := f.head.Clusters(size)
	if k < 2 {
		return flashhead.Parameters{}, hint.New(fmt.Sprintf("a vocabulary of %d tokens is less than two clusters of %d",
			f.head.Vocab(), size),
			"choose a smaller --cluster-size; so small a head gains nothing, though")
	}
	params := flashhead.Parameters{
		Clusters:   k,
		Provenance: flashhead.Provenance{ClusterSize: uint32(size), Seed: f.Seed, Iterations: uint32(f.iterations())},
	}
	if f.Plain {
		return params, nil
	}
	var err error
	if f.quality, err = flashhead.ParseQuality(f.Quality); err != nil {
		return params, err
	}
	if params.CentroidType, err = flashhead.CentroidType(f.CentroidType, src.Head); err != nil {
		return params, hint.Wrap(err, otherCentroids)
	}
	params.Codes = f.quality.Codes(src.Head, k, params.CentroidType)
	params.Probes = f.quality.Probes(k)
	if f.NoCalibrate {
		return params, nil
	}
	if f.text, err = calibrate.ReadText(f.Calibrate); err != nil {
		return params, err
	}
	f.cost = flashhead.NewCost(src.File, src.Head, params)
	params.Calibration = &flashhead.Calibration{TextName: f.text.Name, TextSHA256: f.text.SHA256, Targets: f.Targets}
	return params, nil
}

// Fill runs the native tool, and the model if it calibrates.
func (f *fresh) Fill(ctx context.Context, params *flashhead.Parameters, p *progress.Progress) error {
	tool, err := native.Find(ctx, f.LibDir)
	if err != nil {
		return err
	}
	if params.Calibration != nil {
		return f.calibrate(ctx, tool, params, p)
	}
	if err := f.cluster(ctx, tool, params, p); err != nil || f.Plain {
		return err
	}
	p.Start("making codes")
	found, err := tool.Calibrate(ctx, f.job(params), func(state native.Progress) { p.Set(state.Fraction, state.Stage) })
	if err != nil {
		return err
	}
	params.Codes = found.Codes
	p.Done("made codes without hidden states")
	return nil
}

// cluster sets the assignments.
func (f *fresh) cluster(ctx context.Context, tool native.Tool, params *flashhead.Parameters,
	p *progress.Progress) error {
	p.Start("clustering")
	result, err := tool.Cluster(ctx, native.ClusterOptions{
		Head:        native.Head{Model: f.Input, Tensor: f.head.Tensor.Name},
		ClusterSize: f.clusterSize(), Iterations: f.iterations(), Seed: f.Seed, Threads: f.Threads,
	}, func(state native.Progress) {
		p.Set(state.Fraction, describe(state))
	})
	if err != nil {
		return err
	}
	if result.Clusters != params.Clusters || int64(len(result.Assignments)) != f.head.Vocab() {
		return hint.New(fmt.Sprintf("the clustering has %d clusters of %d rows, not %d of %d",
			result.Clusters, len(result.Assignments), params.Clusters, f.head.Vocab()), "build again: fh-ollama build")
	}
	params.Assignments = result.Assignments
	params.Objective = float32(result.Objective)
	p.Done(fmt.Sprintf("clustered %d rows into %d clusters, objective %.4f", f.head.Vocab(), result.Clusters,
		result.Objective))
	return nil
}

// describe formats the state of a clustering in a few words.
func describe(p native.Progress) string {
	text := p.Stage
	if p.Iteration > 0 {
		text += fmt.Sprintf(" %d/%d", p.Iteration, p.Iterations)
	}
	if p.Objective != nil {
		text += fmt.Sprintf(", objective %.4f", *p.Objective)
	}
	if p.Imbalance != nil {
		text += fmt.Sprintf(", imbalance %.2f", *p.Imbalance)
	}
	return text
}

// job returns the options that make codes with the native tool, without hidden states.
func (f *fresh) job(params *flashhead.Parameters) native.CalibrateOptions {
	return native.CalibrateOptions{
		Map: native.Map{
			Head:        native.Head{Model: f.Input, Tensor: f.head.Tensor.Name},
			Assignments: params.Assignments, Clusters: params.Clusters, Columns: f.head.Width(),
		},
		Codes: params.Codes, Probes: params.Probes, CentroidType: params.CentroidType.String(), Threads: f.Threads,
	}
}
