package flashhead

import (
	"fmt"
	"math"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// Ranks that a sketch can have: multiples of sketchStep up to MaxSketchRank.
const (
	sketchStep    = 8
	MaxSketchRank = 64
)

// sketchGroup is the number of tokens whose factors the runtime keeps together, in sketchGroup*rank/2 bytes and a scale
// of 2 bytes each.
const sketchGroup = 16

// Sketch tells the runtime how to estimate a token's logit more finely than by its centroid's score: the rows'
// residuals (row minus centroid) are projected on Rows, the activations on Activations, and the products of these
// numbers added up.
type Sketch struct {
	Rank        int       // number of directions, 0 for no sketch
	Rows        []float32 // [Rank][D], direction after direction
	Activations []float32 // [Rank][D], likewise
}

// CheckSketchRank returns an error unless a sketch may have the rank, or it is 0, for none.
func CheckSketchRank(rank int) error {
	if rank < 0 || rank > MaxSketchRank || rank%sketchStep != 0 {
		return fmt.Errorf("a sketch of rank %d is not 0 or a multiple of %d up to %d", rank, sketchStep, MaxSketchRank)
	}
	return nil
}

// DefaultSketchRank returns the rank of a calibrated sketch of rows of the given width: 32, but less for narrow rows,
// whose own bytes are few.
func DefaultSketchRank(width int64) int {
	const share, most = 3.0 / 32, 32 // of the width
	nearest := sketchStep * int(math.Round(share*float64(min(width, 1<<20))/sketchStep))
	return min(max(nearest, sketchStep), most)
}

// sketchBytes returns what a sketch makes the runtime read a token: the factors of all tokens and the directions of
// activations.
func sketchBytes(rank int, head Head) int64 {
	groups := (head.Vocab() + sketchGroup - 1) / sketchGroup
	return groups*int64(2*sketchGroup+sketchGroup*rank/2) + 4*int64(rank)*head.Width()
}

// keys returns the metadata entries of a sketch, none for rank 0.
func (s Sketch) keys() []gguf.NewValue {
	if s.Rank == 0 {
		return nil
	}
	return []gguf.NewValue{
		gguf.U32(KeySketchRank, uint32(s.Rank)),
		gguf.F32s(KeySketchRows, s.Rows),
		gguf.F32s(KeySketchActivations, s.Activations),
	}
}

// sketch reads and checks the keys of a sketch: all of them or none.
func (c *checker) sketch(width int64) Sketch {
	there := 0
	for _, key := range []string{KeySketchRank, KeySketchRows, KeySketchActivations} {
		if _, ok := c.f.Key(key); ok {
			there++
		}
	}
	if there == 0 {
		return Sketch{}
	}
	rank, ok := c.u32(KeySketchRank)
	if !ok {
		return Sketch{}
	}
	if rank == 0 || rank > MaxSketchRank || rank%sketchStep != 0 {
		c.bad("%s is %d, no multiple of %d in %d..%d", KeySketchRank, rank, sketchStep, sketchStep, MaxSketchRank)
		return Sketch{}
	}
	return Sketch{int(rank), c.directions(KeySketchRows, int64(rank)*width),
		c.directions(KeySketchActivations, int64(rank)*width)}
}

// directions reads n finite numbers.
func (c *checker) directions(key string, n int64) []float32 {
	if kv, ok := c.f.Key(key); ok && kv.Count != n {
		c.bad("%s has %d entries, not %d", key, kv.Count, n)
		return nil
	}
	v, err := gguf.Numbers[float32](c.f, key)
	if err != nil {
		c.bad("%v", err)
		return nil
	}
	for i, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			c.bad("%s has no finite number at %d", key, i)
			return nil
		}
	}
	return v
}
