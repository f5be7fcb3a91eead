package flashhead

import (
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
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
