package flashhead

import (
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Only this file and pinned.go decide which tokens are scored exactly: those of P clusters to probe, and the pinned
// tokens. The runtime takes both from the file; FLASHHEAD_PROBES overrides P when a model is loaded (docs/settings.md).

// Select sets p.Probes and p.Pinned, given p.Clusters. P is the first of these that is not 0: asked, from the user;
// found, of a Quality or in an imported map, where more than K counts as K; DefaultProbes. Pinned tokens are the union
// of the sets. It is an error to ask for more than K probes.
func (p *Parameters) Select(asked int, found uint32, pinned ...[]uint32) error {
	switch {
	case int64(asked) > int64(p.Clusters):
		return hint.New(fmt.Sprintf("%d probes are more than the %d clusters", asked, p.Clusters), "choose fewer --probes")
	case asked > 0:
		p.Probes = uint32(asked)
	case found > 0:
		p.Probes = min(found, p.Clusters)
	default:
		p.Probes = DefaultProbes(p.Clusters)
	}
	p.Pinned = append([]uint32{}, slices.Concat(pinned...)...) // not nil: a file without pinned tokens has an empty array
	slices.Sort(p.Pinned)
	p.Pinned = slices.Compact(p.Pinned)
	return nil
}

// DefaultProbes returns P for K clusters of a head without codes: max(K/16, min(K/8, 256)), rounded up. 256 is the
// least that the paper uses.
func DefaultProbes(clusters uint32) uint32 {
	return max((clusters+15)/16, min((clusters+7)/8, 256))
}
