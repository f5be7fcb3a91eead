package convert

import (
	"context"
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// clustering is the map that the native tool makes from the head's rows.
type clustering struct {
	Options
	head flashhead.Head
}

// Plan returns K and the provenance.
func (c *clustering) Plan(src *flashhead.Model) (flashhead.Parameters, error) {
	c.head = src.Head
	if c.Plain && c.head.Bias {
		return flashhead.Parameters{}, hint.New("the head has a bias, by which a plain head cannot choose",
			"convert without --plain")
	}
	size := c.clusterSize()
	k := c.head.Clusters(size)
	if k < 2 {
		return flashhead.Parameters{}, hint.New(fmt.Sprintf("a vocabulary of %d tokens is less than two clusters of %d",
			c.head.Vocab(), size),
			"choose a smaller --cluster-size; so small a head gains nothing, though")
	}
	return flashhead.Parameters{
		Clusters:   k,
		Provenance: flashhead.Provenance{ClusterSize: uint32(size), Seed: c.Seed, Iterations: uint32(c.iterations())},
	}, nil
}

// Fill runs the native tool.
func (c *clustering) Fill(ctx context.Context, params *flashhead.Parameters, p *progress.Progress) error {
	tool, err := native.Find(ctx, c.LibDir, installation.Here())
	if err != nil {
		return err
	}
	p.Start("clustering")
	result, err := tool.Cluster(ctx, native.ClusterOptions{
		Head:        native.Head{Model: c.Input, Tensor: c.head.Tensor.Name},
		ClusterSize: c.clusterSize(), Iterations: c.iterations(), Seed: c.Seed, Threads: c.Threads,
	}, func(state native.Progress) {
		p.Set(state.Fraction, describe(state))
	})
	if err != nil {
		return err
	}
	if result.Clusters != params.Clusters || int64(len(result.Assignments)) != c.head.Vocab() {
		return hint.New(fmt.Sprintf("the clustering has %d clusters of %d rows, not %d of %d",
			result.Clusters, len(result.Assignments), params.Clusters, c.head.Vocab()), "build again: fh-ollama build")
	}
	params.Assignments = result.Assignments
	params.Objective = float32(result.Objective)
	p.Done(fmt.Sprintf("clustered %d rows into %d clusters, objective %.4f", c.head.Vocab(), result.Clusters,
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
