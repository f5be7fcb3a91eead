package ollama

import (
	"context"
	"slices"
	"strings"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
)

// Model is a registered model whose file carries a cluster map.
type Model struct {
	Name     string `json:"name"`
	Clusters int64  `json:"clusters"`
	Probes   int64  `json:"probes"`
}

// Converted lists the server's models that have FlashHead in their files, by name. A model that the server cannot
// show is left out: its own commands will say what is wrong with it.
func (s Server) Converted(ctx context.Context) ([]Model, error) {
	list, err := s.Client.List(ctx)
	if err != nil {
		return nil, s.explain(err)
	}
	models := []Model{}
	for _, entry := range list.Models {
		show, err := s.Client.Show(ctx, &api.ShowRequest{Model: entry.Name})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			continue
		}
		if _, ok := show.ModelInfo[flashhead.KeyVersion]; !ok {
			continue
		}
		models = append(models, Model{
			Name:     entry.Name,
			Clusters: whole(show.ModelInfo[flashhead.KeyClusterCount]),
			Probes:   whole(show.ModelInfo[flashhead.KeyProbeCount]),
		})
	}
	slices.SortFunc(models, func(a, b Model) int { return strings.Compare(a.Name, b.Name) })
	return models, nil
}

// whole turns a number of a JSON answer into an integer, 0 for anything else.
func whole(v any) int64 {
	n, _ := v.(float64)
	return int64(n)
}
