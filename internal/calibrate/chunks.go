package calibrate

import (
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// How much of a kind of text is read. More takes longer and gains little (docs/estimates.md).
const (
	fitTokens     = 40 // of a chunk that is fitted to, with what the model puts in front of a text
	heldOutTokens = 24 // of a chunk that is held out
	skipTokens    = 8  // positions at the start of each chunk that have too little context to be kept
	leastContext  = 32 // below, a file's context length is taken for a mistake

	builtInChunks = 1  // of a built-in kind, of either sort
	fileChunks    = 32 // of a user's text, at most
)

// layout says how the text of a kind is cut into chunks, which the model reads from an empty context.
type layout struct {
	fit, heldOut int // tokens a chunk at most, with prefix
	skip         int // positions at the start of each that are not kept
}

// newLayout returns the layout for a model with a context of so many tokens, 0 if that is not known.
func newLayout(context uint64) layout {
	size := fitTokens
	if context >= leastContext && context < fitTokens {
		size = int(context)
	}
	return layout{size, min(heldOutTokens, size), min(skipTokens, size/4)}
}

// size is the context that chunks need.
func (l layout) size() int { return l.fit }

// cut returns up to n chunks to fit to, from the first half of a text's tokens, and as many that are held out, from the
// second half: each begins with prefix, and all are spread evenly. The first chunk of either may be short.
func (l layout) cut(prefix, tokens []int, n int) (fit, heldOut [][]int, err error) {
	half := len(tokens) / 2
	if fit, err = spread(prefix, tokens[:half], l.fit, l.skip, n); err == nil {
		heldOut, err = spread(prefix, tokens[half:], l.heldOut, l.skip, n)
	}
	return fit, heldOut, err
}

// spread returns 1 to n chunks of at most size tokens.
func spread(prefix, tokens []int, size, skip, n int) (chunks [][]int, err error) {
	each, least := size-len(prefix), 2*skip
	if each < least {
		return nil, hint.New(fmt.Sprintf("the model starts texts with %d tokens, which leaves no room in %d", len(prefix),
			size), "convert with --no-calibrate")
	}
	if len(tokens) < least {
		return nil, hint.New(fmt.Sprintf("the text is too short: it has %d tokens, calibration needs %d", 2*len(tokens),
			2*least), otherText)
	}
	n = max(1, min(n, len(tokens)/each))
	for i := range n {
		at := i * len(tokens) / n
		chunks = append(chunks, slices.Concat(prefix, tokens[at:min(at+each, len(tokens))]))
	}
	return chunks, nil
}
