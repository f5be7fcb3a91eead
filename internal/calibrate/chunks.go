package calibrate

import (
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// The amount of text per kind. More takes longer and gains little (docs/estimates.md).
const (
	fitTokens     = 40 // of a chunk for the fit, with the tokens that the model puts before a text
	heldOutTokens = 24 // of a held-out chunk
	skipTokens    = 8  // positions at the start of each chunk, dropped for lack of context

	builtInChunks = 1  // of a built-in kind, for the fit and held out each
	fileChunks    = 32 // of a user's text, at most, each
)

// cut returns up to n chunks to fit to, from the first half of a text's tokens, and as many that are held out, from the
// second half: each begins with prefix, and all are spread evenly. The first chunk of either may be short.
func cut(prefix, tokens []int, n int) (fit, heldOut [][]int, err error) {
	half := len(tokens) / 2
	if fit, err = spread(prefix, tokens[:half], fitTokens, n); err == nil {
		heldOut, err = spread(prefix, tokens[half:], heldOutTokens, n)
	}
	return fit, heldOut, err
}

// spread returns 1 to n chunks of at most size tokens.
func spread(prefix, tokens []int, size, n int) (chunks [][]int, err error) {
	const least = 2 * skipTokens
	each := size - len(prefix)
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
