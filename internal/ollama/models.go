package ollama

import (
	"context"
	"slices"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
)

// Model is a registered model with FlashHead in its file, or with a map file beside it.
type Model struct {
	Name     string `json:"name"`
	Map      string `json:"map,omitempty"` // path of the map file; "" for keys in the model's own file
	Clusters int64  `json:"clusters"`
	Probes   int64  `json:"probes"`
}

// Names returns the names of the server's models, sorted. Errors carry a hint.
func (s Server) Names(ctx context.Context) ([]string, error) {
	list, err := s.Client.List(ctx)
	if err != nil {
		return nil, s.explain(err)
	}
	var names []string
	for _, entry := range list.Models {
		names = append(names, entry.Name)
	}
	slices.Sort(names)
	return names, nil
}

// Converted returns the server's models with FlashHead, sorted by name. It leaves out models that the server cannot
// show, and does not see maps on other machines.
func (s Server) Converted(ctx context.Context) ([]Model, error) {
	names, err := s.Names(ctx)
	if err != nil {
		return nil, err
	}
	models := []Model{}
	for _, name := range names {
		show, err := s.Client.Show(ctx, &api.ShowRequest{Model: name})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			continue
		}
		if _, ok := show.ModelInfo[flashhead.KeyVersion]; ok {
			models = append(models, Model{
				Name:     name,
				Clusters: whole(show.ModelInfo[flashhead.KeyClusterCount]),
				Probes:   whole(show.ModelInfo[flashhead.KeyProbeCount]),
			})
		} else if m, ok := withMap(show); ok {
			m.Name = name
			models = append(models, m)
		}
	}
	return models, nil
}

// withMap returns what the map of a model holds; false if it has none that fits.
func withMap(show *api.ShowResponse) (Model, bool) {
	from, _, _ := Files(show)
	if len(from) == 0 {
		return Model{}, false
	}
	m, err := mapfile.Open(from[0])
	if err != nil {
		return Model{}, false
	}
	defer m.Close()
	if m.Map == "" || m.Damage != nil {
		return Model{}, false
	}
	return Model{Map: m.Map, Clusters: int64(m.Parameters.Clusters), Probes: int64(m.Parameters.Probes)}, true
}

// whole converts a JSON number to an integer, and anything else to 0.
func whole(v any) int64 {
	n, _ := v.(float64)
	return int64(n)
}
