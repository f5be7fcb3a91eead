package flashhead

import (
	"math"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// Limits of codes, as in ggmlhead/core/flash-head-codes.h.
const (
	maxCoarseBits  = 256 // a token, a multiple of coarseStep
	coarseStep     = 8
	maxFineBytes   = 2048 // a token, a multiple of fineLine
	fineLine       = 32
	maxDirections  = 256
	mostBits       = 5 // a direction of the coarse code
	scaleBytes     = 2 // of each code of a token
	defaultBits    = 192
	mostDirections = 160 // of the default coarse code
)

// Codes tell the runtime how to estimate a token's logit more finely than by its centroid's score. It derives both codes
// of every token from the weight when a model loads (docs/gguf-format.md).
type Codes struct {
	CoarseBits int // a token; 0 for no codes
	FineBytes  int // a token
	Near       int // tokens whose fine code is read, those with the best coarse estimates

	Rows        []float32 // [n][D]: directions on which residuals (row minus centroid) are projected
	Activations []float32 // [n][D]: the matching directions for activations
	Variances   []float32 // [n]: mean squares of the residuals' products with Rows
	Weights     []float32 // [D]: mean squares of the activations' columns
}

// There reports whether there are any codes.
func (c Codes) There() bool { return c.CoarseBits > 0 }

// Directions returns how many directions a default coarse code of rows of width columns may use.
func (c Codes) Directions(width int64) int {
	n := int(min(width, mostDirections))
	return max(n, (c.CoarseBits+mostBits-1)/mostBits)
}

// DefaultCodes returns the sizes of head's codes; without directions, which depend on the weight. With the centroids they
// take at most a quarter of the weight's memory.
func DefaultCodes(head Head, clusters uint32, centroids gguf.TensorType) Codes {
	const share = 4
	row := head.Tensor.Type.RowBytes(head.Width())
	coarse := int64(defaultBits)
	if least := 8 * mostBits * head.Width() / 8; coarse > least { // no more bits than directions can have
		coarse = least / coarseStep * coarseStep
	}
	left := row/share - coarse/8 - 2*scaleBytes - int64(clusters)*centroids.RowBytes(head.Width())/head.Vocab()
	fine := min(max(left/fineLine*fineLine, 0), maxFineBytes, (head.Width()+1)/2)
	return Codes{CoarseBits: int(coarse), FineBytes: int(fine / fineLine * fineLine), Near: int((head.Vocab() + 7) / 8)}
}

// bytes returns what codes make the runtime read a token: all coarse codes, the fine ones of near tokens, and directions
// of the activations; and what they take of memory.
func (c Codes) bytes(head Head) (read, memory int64) {
	if !c.There() {
		return 0, 0
	}
	coarse := head.Vocab() * int64(c.CoarseBits/8+scaleBytes)
	directions := 4 * int64(len(c.Variances)) * head.Width()
	return coarse + directions + int64(c.Near)*int64(c.FineBytes+scaleBytes),
		coarse + directions + head.Vocab()*int64(c.FineBytes+scaleBytes)
}

// keys returns the metadata entries of codes, none if there are none.
func (c Codes) keys() []gguf.NewValue {
	if !c.There() {
		return nil
	}
	return []gguf.NewValue{
		gguf.U32(KeyCoarseBits, uint32(c.CoarseBits)), gguf.U32(KeyFineBytes, uint32(c.FineBytes)),
		gguf.U32(KeyNearTokens, uint32(c.Near)),
		gguf.F32s(KeyCodeVariances, c.Variances), gguf.F32s(KeyCodeRows, c.Rows),
		gguf.F32s(KeyCodeActivations, c.Activations), gguf.F32s(KeyCodeWeights, c.Weights),
	}
}

// codes reads and checks the keys of codes: all of them or none.
func (c *checker) codes(head Head) Codes {
	there := false
	for _, key := range []string{KeyCoarseBits, KeyFineBytes, KeyNearTokens, KeyCodeVariances, KeyCodeRows,
		KeyCodeActivations, KeyCodeWeights} {
		_, ok := c.f.Key(key)
		there = there || ok
	}
	if !there {
		return Codes{}
	}
	bits := c.limited(KeyCoarseBits, coarseStep, maxCoarseBits, coarseStep)
	fine := c.limited(KeyFineBytes, 0, maxFineBytes, fineLine)
	near := c.limited(KeyNearTokens, 1, head.Vocab(), 1)
	variances := c.numbers(KeyCodeVariances, -1, true)
	n := int64(len(variances))
	if variances != nil && (n < 1 || n > maxDirections || mostBits*n < bits) {
		c.bad("%s has %d entries, too few or too many for a code of %d bits", KeyCodeVariances, n, bits)
		return Codes{}
	}
	if bits <= 0 || fine < 0 || near <= 0 || variances == nil {
		return Codes{}
	}
	return Codes{
		CoarseBits: int(bits), FineBytes: int(fine), Near: int(near), Variances: variances,
		Rows: c.numbers(KeyCodeRows, n*head.Width(), false), Activations: c.numbers(KeyCodeActivations, n*head.Width(), false),
		Weights: c.numbers(KeyCodeWeights, head.Width(), true),
	}
}

// limited reads a multiple of step in least..most; -1 if it is none.
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

// numbers reads n finite numbers, any number of them for -1; nil if there is something wrong.
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
