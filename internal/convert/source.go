package convert

import (
	"context"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// MapSource provides a conversion's map of clusters.
type MapSource interface {
	// Plan returns what is known of the map before anything is written: Clusters at least; Probes, or 0 for the default;
	// the sizes of codes; Pinned beyond the default ones; its own provenance. Its error says why there can be no map.
	Plan(src *flashhead.Model) (flashhead.Parameters, error)

	// Fill does the work that takes long: it sets Assignments, and may change what else Plan returned. It reports stages
	// of its own to p.
	Fill(ctx context.Context, params *flashhead.Parameters, p *progress.Progress) error
}
