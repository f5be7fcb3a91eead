package flashhead

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Limits of codes, as in ggmlhead/core/flash-head-codes.h.
const (
	maxCoarseBits = 256 // per token, a multiple of coarseStep
	coarseStep    = 8
	maxFineBytes  = 2048 // per token, a multiple of fineLine
	fineLine      = 32
	fineBits      = 4 // most bits of a column
	maxDirections = 256
	mostBits      = 5 // most bits of a direction of the coarse code
	scaleBytes    = 2 // of the scale of each code
)

// Codes are the parameters of the codes, which estimate a token's logit better than its centroid's score does. The
// runtime computes the codes of every token from the weight when a model loads (docs/gguf-format.md).
type Codes struct {
	CoarseBits int // per token; 0 for no codes
	FineBytes  int // per token
	Near       int // least tokens whose fine code is read: the best by coarse estimate
	Directions int // n; before calibration, an upper limit

	// Tolerance is the largest expected divergence of a row from the dense distribution, in nats. Above it more tokens
	// are read and scored. 0 means no limit.
	Tolerance float32

	Rows        []float32 // [n][D]: directions for residuals (row minus centroid)
	Activations []float32 // [n][D]: the matching directions for activations
	Variances   []float32 // [n]: mean squares of the residuals' products with Rows
	Weights     []float32 // [D]: mean squares of the activations' columns
}

// There reports whether there are any codes.
func (c Codes) There() bool { return c.CoarseBits > 0 }

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

// Bytes returns how many bytes of codes the runtime reads for every token, which are all coarse codes and the directions
// of the activations, and how many more for each token whose fine code it reads. They lie in memory, too.
func (c Codes) Bytes(head Head) (always, fine float64) {
	if !c.There() {
		return 0, 0
	}
	if c.FineBytes > 0 {
		fine = float64(c.FineBytes + scaleBytes)
	}
	return float64(head.Vocab()*int64(c.CoarseBits/8+scaleBytes) + 4*int64(c.Directions)*head.Width()), fine
}

// keys returns the metadata entries of codes; none without codes.
func (c Codes) keys() []gguf.NewValue {
	if !c.There() {
		return nil
	}
	return []gguf.NewValue{
		gguf.U32(KeyCoarseBits, uint32(c.CoarseBits)), gguf.U32(KeyFineBytes, uint32(c.FineBytes)),
		gguf.U32(KeyNearTokens, uint32(c.Near)), gguf.F32(KeyTolerance, c.Tolerance),
		gguf.F32s(KeyCodeVariances, c.Variances), gguf.F32s(KeyCodeRows, c.Rows),
		gguf.F32s(KeyCodeActivations, c.Activations), gguf.F32s(KeyCodeWeights, c.Weights),
	}
}

// codes reads and checks the keys of codes: all of them or none.
func (c *checker) codes(head Head) Codes {
	keys := []string{KeyCoarseBits, KeyFineBytes, KeyNearTokens, KeyTolerance, KeyCodeVariances, KeyCodeRows,
		KeyCodeActivations,
		KeyCodeWeights}
	if !slices.ContainsFunc(keys, func(key string) bool { _, ok := c.f.Key(key); return ok }) {
		return Codes{}
	}
	bits := c.limited(KeyCoarseBits, coarseStep, maxCoarseBits, coarseStep)
	fine := c.limited(KeyFineBytes, 0, maxFineBytes, fineLine)
	near := c.limited(KeyNearTokens, 1, head.Vocab(), 1)
	tolerance := c.tolerance()
	variances := c.numbers(KeyCodeVariances, -1, true)
	n := int64(len(variances))
	if variances != nil && (n < 1 || n > maxDirections || mostBits*n < bits) {
		c.bad("%s has %d entries, too few or too many for a code of %d bits", KeyCodeVariances, n, bits)
		return Codes{}
	}
	if bits <= 0 || fine < 0 || near <= 0 || tolerance < 0 || variances == nil {
		return Codes{}
	}
	return Codes{
		CoarseBits: int(bits), FineBytes: int(fine), Near: int(near), Directions: int(n), Tolerance: tolerance,
		Variances:   variances,
		Rows:        c.numbers(KeyCodeRows, n*head.Width(), false),
		Activations: c.numbers(KeyCodeActivations, n*head.Width(), false),
		Weights:     c.numbers(KeyCodeWeights, head.Width(), true),
	}
}

// limited reads a multiple of step in least..most; -1 if it is invalid.
func (c *checker) limited(key string, least, most, step int64) int64 {
	n, ok := c.u32(key)
	if !ok {
		return -1
	}
	if int64(n) < least || int64(n) > most || int64(n)%step != 0 {
		c.bad("%s is %d, no multiple of %d in %d..%d", key, n, step, least, most)
		return -1
	}
	return int64(n)
}

// tolerance reads the tolerance; 0 if it is missing, -1 if it is invalid.
func (c *checker) tolerance() float32 {
	kv, ok := c.f.Key(KeyTolerance)
	if !ok {
		return 0
	}
	x, _ := c.f.Float(KeyTolerance)
	if kv.Type != gguf.Float32 || !(x >= 0) || math.IsInf(x, 1) {
		c.bad("%s is not a finite f32 of at least 0", KeyTolerance)
		return -1
	}
	return float32(x)
}

// numbers reads n finite numbers, any number of them for n = -1; nil if they are invalid.
func (c *checker) numbers(key string, n int64, positive bool) []float32 {
	if kv, ok := c.f.Key(key); ok && n >= 0 && kv.Count != n {
		c.bad("%s has %d entries, not %d", key, kv.Count, n)
		return nil
	}
	v, err := gguf.Numbers[float32](c.f, key)
	if err != nil {
		c.bad("%v", err)
		return nil
	}
	for i, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) || positive && x < 0 {
			c.bad("%s has no usable number at %d", key, i)
			return nil
		}
	}
	return v
}
