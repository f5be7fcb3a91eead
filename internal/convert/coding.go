package convert

import (
	"context"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// coding is a clustering with codes made from the weight only.
type coding struct {
	*clustering
	quality flashhead.Quality
}

// Plan returns K, P, the sizes of the codes and the provenance.
func (c *coding) Plan(src *flashhead.Model) (flashhead.Parameters, error) {
	params, err := c.clustering.Plan(src)
	if err != nil {
		return params, err
	}
	if c.quality, err = flashhead.ParseQuality(c.Quality); err != nil {
		return params, err
	}
	centroids, err := flashhead.CentroidType(c.CentroidType, src.Head)
	if err != nil {
		return params, hint.Wrap(err, otherCentroids)
	}
	params.CentroidType = centroids
	params.Codes = c.quality.Codes(src.Head, params.Clusters, centroids)
	params.Probes = c.quality.Probes(params.Clusters)
	return params, nil
}

// Fill clusters and makes the codes.
func (c *coding) Fill(ctx context.Context, params *flashhead.Parameters, p *progress.Progress) error {
	if err := c.clustering.Fill(ctx, params, p); err != nil {
		return err
	}
	tool, err := native.Find(ctx, c.LibDir, installation.Here())
	if err != nil {
		return err
	}
	p.Start("making codes")
	found, err := tool.Calibrate(ctx, c.job(params), func(state native.Progress) { p.Set(state.Fraction, state.Stage) })
	if err != nil {
		return err
	}
	params.Codes = found.Codes
	p.Done("made codes without hidden states")
	return nil
}

// job returns the options of the native tool, without hidden states.
func (c *coding) job(params *flashhead.Parameters) native.CalibrateOptions {
	return native.CalibrateOptions{
		Map: native.Map{
			Head:        native.Head{Model: c.Input, Tensor: c.head.Tensor.Name},
			Assignments: params.Assignments, Clusters: params.Clusters, Columns: c.head.Width(),
		},
		Codes: params.Codes, Probes: params.Probes, CentroidType: params.CentroidType.String(), Threads: c.Threads,
	}
}
