package calibrate

import (
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

const (
	chunkTokens    = 512  // at most
	leastContext   = 32   // below, a file's context length is taken for a mistake
	mostPositions  = 8192 // that are kept
	leastPositions = 1024
	blocks         = 8 // about so many, of neighbouring chunks, are fitted to and held out in turn

	// Of each of many kinds: tokens fitted to and held out, in a chunk each. More of them take longer and gain little
	// (docs/accuracy.md).
	kindFit     = 80
	kindHeldOut = 40
	kindSkip    = 8 // positions at the start of each chunk that have too little context to be kept
)

// layout says how a text is cut into chunks.
type layout struct {
	size int // tokens a chunk, with prefix
	skip int // positions at the start of each that have too little context to be kept
}

func newLayout(context uint64) layout {
	size := chunkTokens
	if context >= leastContext && context < chunkTokens {
		size = int(context)
	}
	return layout{size, min(16, size/4)}
}

// kept is the number of positions that a chunk yields.
func (l layout) kept() int { return l.size - l.skip }

// chunks cuts the tokens of a text, each chunk after prefix. Of a long text it takes chunks evenly spread. Those to fit
// to and those to be held out come in blocks by turns: from all parts of the text, but not all from next to each other,
// where texts are most alike.
func (l layout) chunks(prefix, tokens []int) (fit, heldOut [][]int, err error) {
	each := l.size - len(prefix)
	if each <= l.skip {
		return nil, nil, hint.New(fmt.Sprintf("the model starts texts with %d tokens, which leaves no room in %d",
			len(prefix), l.size),
			"convert without --calibrate")
	}
	there, most := len(tokens)/each, mostPositions/l.kept()
	least := (leastPositions + l.kept() - 1) / l.kept()
	if there < least {
		return nil, nil, hint.New(fmt.Sprintf("the text is too short: it has %d tokens, calibration needs %d", len(tokens),
			least*each),
			"give a longer text, some pages of what the model is used for, or "+BuiltIn)
	}
	n := min(there, most)
	block := max(1, n/blocks)
	for i := range n {
		at := i
		if there > most {
			at = i * there / most
		}
		chunk := slices.Concat(prefix, tokens[at*each:(at+1)*each])
		if i/block%2 == 0 {
			fit = append(fit, chunk)
		} else {
			heldOut = append(heldOut, chunk)
		}
	}
	return fit, heldOut, nil
}

// sample cuts one of many kinds into a chunk to fit to, from the start of the tokens, and one to be held out, from their
// middle on; false if the text is too short for both.
func (l layout) sample(prefix, tokens []int) (fit, heldOut []int, ok bool) {
	half, room := len(tokens)/2, l.size-len(prefix)
	n, m := min(kindFit, half, room), min(kindHeldOut, half, room)
	if m <= 2*kindSkip {
		return nil, nil, false
	}
	return slices.Concat(prefix, tokens[:n]), slices.Concat(prefix, tokens[half:half+m]), true
}

// prefix returns the tokens that special, a tokenised text with what the model wants around it, has in front of alone,
// the same text without.
func prefix(alone, special []int) []int {
	for n := range len(special) - len(alone) + 1 {
		if slices.Equal(special[n:n+len(alone)], alone) {
			return special[:n]
		}
	}
	return nil
}
