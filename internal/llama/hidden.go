package llama

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
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
	var answer []chunkStates
	if err := s.Post(ctx, "/embedding", request, &answer); err != nil {
		return nil, unexpected(err)
	}
	return gather(answer, chunks, width)
}

// chunkStates are the states of one chunk in the server's answer.
type chunkStates struct {
	Index     int       `json:"index"`
	Embedding positions `json:"embedding"`
}

// positions are [[…], …], numbers of one or more positions.
type positions struct {
	numbers []float32
	widths  []int // of each position
}

// UnmarshalJSON parses the numbers itself. For millions of them encoding/json takes a tenth of the model's time.
func (p *positions) UnmarshalJSON(text []byte) error {
	*p = positions{}
	var rows []json.RawMessage
	if err := json.Unmarshal(text, &rows); err != nil {
		return err
	}
	for _, row := range rows {
		if row[0] != '[' {
			return fmt.Errorf("%s is not a list of numbers", row)
		}
		start := len(p.numbers)
		for number := range bytes.SplitSeq(row[1:len(row)-1], []byte{','}) {
			x, err := strconv.ParseFloat(string(bytes.TrimSpace(number)), 32)
			if err != nil {
				x = math.NaN() // the server writes it as null
			}
			p.numbers = append(p.numbers, float32(x))
		}
		p.widths = append(p.widths, len(p.numbers)-start)
	}
	return nil
}

// gather checks an answer and orders it as chunks.
func gather(answer []chunkStates, chunks [][]int, width int) ([][]float32, error) {
	states := make([][]float32, len(chunks))
	for _, c := range answer {
		if c.Index < 0 || c.Index >= len(chunks) || states[c.Index] != nil {
			return nil, unexpected(fmt.Errorf("index %d of %d", c.Index, len(chunks)))
		}
		for _, n := range c.Embedding.widths {
			if n != width {
				return nil, hint.New(fmt.Sprintf("the model's hidden states have %d numbers, its head takes %d", n, width),
					otherHead)
			}
		}
		states[c.Index] = c.Embedding.numbers
		for i, x := range states[c.Index] {
			if x-x != 0 {
				return nil, hint.New(fmt.Sprintf("the model's hidden states are not finite numbers at position %d", i/width),
					"check the file: a sound model has only finite ones")
			}
		}
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
