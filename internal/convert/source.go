package convert

import (
	"context"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// MapSource provides a conversion's map of clusters.
type MapSource interface {
	// Plan returns what is known before anything is written: at least Clusters, then Probes (0 for the default), the
	// sizes of codes, extra Pinned tokens, and the provenance. An error means that there can be no map.
	Plan(src *flashhead.Model) (flashhead.Parameters, error)

	// Fill does the slow work: it sets Assignments and may change the result of Plan. It reports its stages to p.
	Fill(ctx context.Context, params *flashhead.Parameters, p *progress.Progress) error
}
