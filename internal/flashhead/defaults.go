package flashhead

import (
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// ProbeShare and LeastProbes say how many clusters are probed by default: one of so many, and not fewer.
const (
	ProbeShare  = 16
	LeastProbes = 256
)

// DefaultProbes returns P for K clusters: a sixteenth of them, but at least 256, or an eighth where there are few.
// 256 is the least that the paper uses, and on the bundled model an eighth instead of a sixteenth makes more than half
// of the tokens right that were not (FLASHHEAD_PROBES and llama-perplexity, see the README).
func DefaultProbes(clusters uint32) uint32 {
	return max((clusters+ProbeShare-1)/ProbeShare, min((clusters+7)/8, LeastProbes))
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
		return 0, fmt.Errorf("%q is no type that centroids can have", name)
	}
	if head.Width()%t.Block() != 0 {
		return 0, fmt.Errorf("%s needs rows that are a multiple of %d, these have %d", t, t.Block(), head.Width())
	}
	return t, nil
}
