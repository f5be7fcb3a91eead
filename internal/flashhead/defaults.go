package flashhead

import (
	"fmt"
	"slices"
	"strings"

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

// maxControlTokens limits how many control tokens are pinned: some vocabularies hold thousands of reserved ones.
const maxControlTokens = 256

const controlToken = 3 // llama.cpp's LLAMA_TOKEN_TYPE_CONTROL

// DefaultPinned returns the tokens that are always scored: those that the tokenizer's keys name (end of text, …) and the
// control tokens if they are few. They end answers and turns, so a miss costs more than their few rows.
func DefaultPinned(f *gguf.File, head Head) []uint32 {
	pinned := []uint32{}
	add := func(token uint64) {
		if token < uint64(head.Vocab()) {
			pinned = append(pinned, uint32(token))
		}
	}
	for _, kv := range f.Keys {
		if strings.HasPrefix(kv.Key, "tokenizer.ggml.") && strings.HasSuffix(kv.Key, "_token_id") {
			if token, ok := f.Uint(kv.Key); ok {
				add(token)
			}
		}
	}
	// A file without types, or with odd ones, has no control tokens to pin.
	types, _ := gguf.Numbers[int32](f, "tokenizer.ggml.token_type")
	var control []uint64
	for token, t := range types {
		if t == controlToken {
			control = append(control, uint64(token))
		}
	}
	if len(control) <= maxControlTokens {
		for _, token := range control {
			add(token)
		}
	}
	slices.Sort(pinned)
	return slices.Compact(pinned)
}
