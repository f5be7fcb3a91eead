package ollama

import (
	"context"
	"slices"
	"strings"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
)

// Model is a registered model with FlashHead in its file.
type Model struct {
	Name     string `json:"name"`
	Clusters int64  `json:"clusters"`
	Probes   int64  `json:"probes"`
}

// Converted returns the server's converted models, sorted by name. It leaves out models that the server cannot show.
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

// whole converts a JSON number to an integer, and anything else to 0.
func whole(v any) int64 {
	n, _ := v.(float64)
	return int64(n)
}
