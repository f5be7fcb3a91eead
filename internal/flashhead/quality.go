package flashhead

import (
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Quality trades bytes for fidelity: it sets the sizes of codes and how many tokens are scored exactly.
type Quality struct {
	Name       string
	coarseBits int64
	directions int64
	share      int64 // largest size of a token's codes and its part of a centroid, in % of a row
	near       int64 // at least one token in this many has its fine code read
	exact      int64 // at least one token in this many is scored exactly
	tolerance  float32
	most       float64 // largest share of the head's bytes read, up to which a calibration raises the tolerance
}

// Qualities lists all qualities, the default first. docs/estimates.md compares them.
var Qualities = []Quality{
	{"default", 160, 96, 25, 10, 96, 0.0125, 0.16},
	{"high", 192, 112, 45, 4, 32, 0.0025, 0.28},
}

// ParseQuality finds the quality called name, "" for the default.
func ParseQuality(name string) (Quality, error) {
	var names []string
	for _, q := range Qualities {
		if name == q.Name || name == "" {
			return q, nil
		}
		names = append(names, q.Name)
	}
	return Quality{}, hint.New(fmt.Sprintf("no quality is called %q", name), "choose from "+strings.Join(names, ", "))
}

// Probes returns P for K clusters.
func (q Quality) Probes(clusters uint32) uint32 { return uint32(ceil(int64(clusters), q.exact)) }

// MostRead returns the greatest share of the head's bytes, 0..1, that may be read for a token on average.
func (q Quality) MostRead() float64 { return q.most }

// Codes returns the sizes of head's codes.
func (q Quality) Codes(head Head, clusters uint32, centroids gguf.TensorType) Codes {
	width := head.Width()
	coarse := max(min(q.coarseBits, mostBits*width/coarseStep*coarseStep), coarseStep)
	left := head.Tensor.Type.RowBytes(width)*q.share/100 - coarse/8 - 2*scaleBytes -
		ceil(int64(clusters)*centroids.RowBytes(width), head.Vocab())
	fine := min(max(left, 0), maxFineBytes, width*fineBits/8)
	return Codes{
		CoarseBits: int(coarse), FineBytes: int(fine / fineLine * fineLine), Near: int(ceil(head.Vocab(), q.near)),
		Directions: int(max(min(q.directions, width), ceil(coarse, mostBits))), Tolerance: q.tolerance,
	}
}

func ceil(a, b int64) int64 { return (a + b - 1) / b }
