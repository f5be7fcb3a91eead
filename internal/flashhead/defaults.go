package flashhead

import (
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// DefaultClusterSize is m, the tokens a cluster, without codes. CodedClusterSize is m with them: codes tell the tokens
// of a cluster apart, so the bytes that more centroids would cost are better spent on them.
const (
	DefaultClusterSize = 16
	CodedClusterSize   = 64
)

// ClusterSize returns the default m of a conversion with codes or without.
func ClusterSize(coded bool) int {
	if coded {
		return CodedClusterSize
	}
	return DefaultClusterSize
}

// Iterations returns how many rounds of k-means a conversion with codes or without makes by default. Codes make up for
// what fewer leave.
func Iterations(coded bool) int {
	if coded {
		return 4
	}
	return 8
}

// Centroids have the first of these types by default, or the second where rows do not consist of its blocks.
const (
	DefaultCentroids    = "q4_0"
	DefaultOddCentroids = "f16"
)

// CentroidType finds the centroid type called name, "" for the default, and checks that it fits the head.
func CentroidType(name string, head Head) (gguf.TensorType, error) {
	if name == "" {
		name = DefaultOddCentroids
		if t, _ := gguf.ParseTensorType(DefaultCentroids); head.Width()%t.Block() == 0 {
			name = DefaultCentroids
		}
	}
	t, ok := gguf.ParseTensorType(name)
	if !ok || !t.Quantizable() {
		return 0, fmt.Errorf("%q is not a type for centroids", name)
	}
	if head.Width()%t.Block() != 0 {
		return 0, fmt.Errorf("%s needs rows that are a multiple of %d, these have %d", t, t.Block(), head.Width())
	}
	return t, nil
}

// Default returns the parameters that a conversion without options chooses for head. They lack the map, the directions
// of the codes, and what depends on the tokenizer.
func Default(head Head) Parameters {
	quality := Qualities[0]
	p := Parameters{Clusters: head.Clusters(CodedClusterSize)}
	p.CentroidType, _ = CentroidType("", head) // the default fits every head
	p.Codes = quality.Codes(head, p.Clusters, p.CentroidType)
	_ = p.Select(0, quality.Probes(p.Clusters)) // the default fits every K
	return p
}

// Select sets p.Probes and p.Pinned, given p.Clusters. P is the first of these that is not 0: asked, from the user;
// found, of a Quality or in an imported map, where more than K counts as K; DefaultProbes. Pinned tokens are the union
// of the sets. It is an error to ask for more than K probes.
//
// Only this function and DefaultPinned decide which tokens are scored exactly. The runtime takes both from the file;
// FLASHHEAD_PROBES overrides P when a model is loaded (docs/settings.md).
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
