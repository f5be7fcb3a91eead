package convert

import (
	"context"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// MapSource is where a conversion's map of clusters comes from.
type MapSource interface {
	// Plan tells, before anything is written, what is known of the map for the head of src: Clusters at least; Probes if
	// the source has an opinion, 0 for the default; the rank of a sketch; Pinned beyond the default ones; provenance of its own. Its error says
	// why there can be no map, with a way out.
	Plan(src *gguf.File, head flashhead.Head) (flashhead.Parameters, error)

	// Fill does the work that takes long: it sets Assignments, and may change what else Plan returned. It reports stages of
	// its own to p.
	Fill(ctx context.Context, params *flashhead.Parameters, p *progress.Progress) error
}
