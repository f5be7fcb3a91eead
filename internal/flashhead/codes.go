package flashhead

import (
	"math"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
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
