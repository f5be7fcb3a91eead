package llama

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// ForHidden returns o for a server whose Hidden gets up to n chunks of up to size tokens: all in one batch, and
// embeddings instead of logits. There is nothing to warm up for.
func (o ServerOptions) ForHidden(n, size int) ServerOptions {
	o.Parallel, o.Context = n, n*size
	batch := strconv.Itoa(o.Context)
	o.Args = []string{"--embedding", "--pooling", "none", "--no-warmup", "--batch-size", batch, "--ubatch-size", batch}
	return o
}

const otherHead = "convert with --no-calibrate: this model's head cannot be calibrated"

// Hidden runs the model over chunks of tokens, each with an empty context. It returns the input of the head at every
// position of each chunk, width numbers per position.
func (s *Server) Hidden(ctx context.Context, chunks [][]int, width int) ([][]float32, error) {
	request := map[string]any{"content": chunks, "embd_normalize": -1} // -1: not normalized
	text, err := s.post(ctx, "/embedding", request)
	if err != nil {
		return nil, unexpected(err)
	}
	return readStates(text, chunks, width)
}

// readStates reads and checks the server's answer and orders it as chunks.
func readStates(text []byte, chunks [][]int, width int) ([][]float32, error) {
	if bytes.Contains(text, []byte("null")) { // what the server writes for NaN and infinity
		return nil, hint.New("the model's hidden states are not finite numbers",
			"check the file: a sound model has only finite ones")
	}
	var answer []struct {
		Index     int         `json:"index"`
		Embedding [][]float32 `json:"embedding"` // at each position
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, unexpected(err)
	}
	states := make([][]float32, len(chunks))
	for _, c := range answer {
		if c.Index < 0 || c.Index >= len(chunks) || states[c.Index] != nil {
			return nil, unexpected(fmt.Errorf("index %d of %d", c.Index, len(chunks)))
		}
		for _, state := range c.Embedding {
			if n := len(state); n != width {
				return nil, hint.New(fmt.Sprintf("the model's hidden states have %d numbers, its head takes %d", n, width),
					otherHead)
			}
		}
		states[c.Index] = slices.Concat(c.Embedding...)
	}
	for i, chunk := range chunks {
		if n := len(states[i]) / width; n != len(chunk) {
			return nil, hint.New(fmt.Sprintf("the model has %d hidden states for %d tokens", n, len(chunk)), otherHead)
		}
	}
	return states, nil
}

// unexpected adds a hint to an error that has none: the answer has no hidden states.
func unexpected(err error) error {
	if hint.Of(err) != "" || errors.Is(err, context.Canceled) {
		return err
	}
	return hint.Wrap(fmt.Errorf("%s gave no hidden states: %w", serverName, err),
		"check that this runtime can run the model; Ollama 0.30 or newer has one that can")
}
