package vllm

import (
	"context"
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// Source is a convert.MapSource that takes the clusters from assets.
type Source struct {
	Assets *Assets
	Model  string // path of the GGUF file
	LibDir string // folder of the native programs; "" for the default

	head        flashhead.Head
	assignments []uint32 // renumbered
	used        []uint32 // old numbers of the clusters that are not empty, by new number
}

const otherModel = "give the GGUF file of the model that the assets were made for"

// Plan checks that the assets fit the head. It drops empty clusters, which converted files cannot have. Errors carry a
// hint.
func (s *Source) Plan(src *flashhead.Model) (flashhead.Parameters, error) {
	head := src.Head
	s.head = head
	if head.Bias {
		return flashhead.Parameters{}, hint.New("the head has a bias, by which a head of imported clusters cannot choose",
			"make clusters with codes instead: "+commandline.Self("convert", s.Model))
	}
	a := s.Assets
	if a.Vocab != head.Vocab() {
		return flashhead.Parameters{}, hint.New(fmt.Sprintf("the assets are for %d tokens, the head has %d", a.Vocab,
			head.Vocab()), otherModel)
	}
	if a.Columns != head.Width() {
		return flashhead.Parameters{}, hint.New(fmt.Sprintf("the assets are for rows of %d, the head has %d", a.Columns,
			head.Width()), otherModel)
	}
	var err error
	if s.assignments, err = a.Assignments(); err != nil {
		return flashhead.Parameters{}, err
	}
	s.renumber()
	if len(s.used) < 2 {
		return flashhead.Parameters{}, hint.New("the assets have all tokens in one cluster", otherAssets)
	}
	return flashhead.Parameters{
		Clusters: uint32(len(s.used)), Probes: a.Probes, Pinned: a.Special,
		Provenance: flashhead.Provenance{ImportedFrom: Format},
	}, nil
}

// renumber drops empty clusters.
func (s *Source) renumber() {
	numbers := make([]uint32, s.Assets.Clusters)
	for _, k := range s.assignments {
		numbers[k] = 1
	}
	s.used = nil
	for k, n := range numbers {
		if n > 0 {
			numbers[k] = uint32(len(s.used))
			s.used = append(s.used, uint32(k))
		}
	}
	for i, k := range s.assignments {
		s.assignments[i] = numbers[k]
	}
}

// Fill sets the map after comparing the assets' centroids with the head's own. Errors carry a hint.
func (s *Source) Fill(ctx context.Context, params *flashhead.Parameters, p *progress.Progress) error {
	params.Assignments = s.assignments
	if empty := s.Assets.Clusters - int64(len(s.used)); empty > 0 {
		p.Start("renumbering")
		p.Done(fmt.Sprintf("left out %d empty clusters of %d", empty, s.Assets.Clusters))
	}
	tool, err := native.Find(ctx, s.LibDir)
	if err != nil {
		return err
	}
	p.Start("comparing centroids")
	own, err := tool.Centroids(ctx, native.Map{
		Head:        native.Head{Model: s.Model, Tensor: s.head.Tensor.Name},
		Assignments: s.assignments, Clusters: uint32(len(s.used)), Columns: s.head.Width(),
	})
	if err != nil {
		return err
	}
	mean, least, err := s.compare(ctx, own, p)
	if err != nil {
		return err
	}
	if mean < leastCosine {
		return hint.New(fmt.Sprintf("the assets are of another model: their centroids and this head's have a mean cosine "+
			"of %.4f", mean), otherModel)
	}
	p.Done(fmt.Sprintf("compared %d centroids with this head's: mean cosine %.4f, least %.4f", len(s.used), mean, least))
	return nil
}
