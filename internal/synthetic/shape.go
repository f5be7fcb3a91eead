// Package synthetic makes GGUF files with the tensor shapes and types of well-known models and random weights. Decoding
// speed does not depend on the values of weights, so such files measure speed without a download.
package synthetic

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Shape holds the dimensions of a model.
type Shape struct {
	Name         string
	Architecture string // llama.cpp's name
	Width        int64  // D, length of a hidden state
	Layers       int
	FeedForward  int64 // width of the feed-forward blocks
	Heads        int64
	KeyHeads     int64 // heads of keys and values
	HeadWidth    int64
	Vocabulary   int64 // V
	Tied         bool  // the token embedding is the head
}

// Source: each publisher's config.json.
var shapes = []Shape{
	{"gemma-3-270m", "gemma3", 640, 18, 2048, 4, 1, 256, 262144, true},
	{"gemma-3-1b", "gemma3", 1152, 26, 6912, 4, 1, 256, 262144, true},
	{"qwen3-0.6b", "qwen3", 1024, 28, 3072, 16, 8, 128, 151936, true},
	{"qwen3-1.7b", "qwen3", 2048, 28, 6144, 16, 8, 128, 151936, true},
	{"llama-3.2-1b", "llama", 2048, 16, 8192, 32, 8, 64, 128256, true},
	{"llama-3.2-3b", "llama", 3072, 28, 8192, 24, 8, 128, 128256, true},
	{"llama-3.1-8b", "llama", 4096, 32, 14336, 32, 8, 128, 128256, false},
}

// all selects every shape or type.
const all = "all"

// Shapes returns the shapes called names, or all from small to large for "all". Errors carry a hint.
func Shapes(names []string) ([]Shape, error) {
	return choose("shape", names, shapes, func(s Shape) string { return s.Name })
}

// choose returns the members of known called names, in that order.
func choose[T any](what string, names []string, known []T, nameOf func(T) string) ([]T, error) {
	if slices.Equal(names, []string{all}) {
		return known, nil
	}
	var chosen []T
	for _, name := range names {
		i := slices.IndexFunc(known, func(k T) bool { return strings.EqualFold(nameOf(k), name) })
		if i < 0 {
			var list []string
			for _, k := range known {
				list = append(list, nameOf(k))
			}
			return nil, hint.New(fmt.Sprintf("no %s is called %q", what, name),
				"choose from "+strings.Join(list, ", ")+"; or "+all)
		}
		chosen = append(chosen, known[i])
	}
	return chosen, nil
}
