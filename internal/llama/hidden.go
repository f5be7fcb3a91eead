package llama

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
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

// Hidden runs the model over chunks of tokens, each from an empty context. It returns the input of the head at every
// position of each chunk, width numbers a position.
func (s *Server) Hidden(ctx context.Context, chunks [][]int, width int) (states [][]float32, err error) {
	body, err := json.Marshal(map[string]any{"content": chunks, "embd_normalize": -1}) // -1: not normalized
	if err != nil {
		return nil, err
	}
	err = s.stream(ctx, http.MethodPost, "/embedding", body, func(r io.Reader) error {
		states, err = readStates(json.NewDecoder(r), chunks, width)
		return err
	})
	return states, err
}

// readStates reads [{"index": 0, "embedding": [[…], …]}, …], in any order.
func readStates(in *json.Decoder, chunks [][]int, width int) ([][]float32, error) {
	states := make([][]float32, len(chunks))
	if err := open(in, '['); err != nil {
		return nil, err
	}
	for in.More() {
		index, state, err := readChunk(in, width)
		if err != nil {
			return nil, err
		}
		if index < 0 || index >= len(chunks) || states[index] != nil {
			return nil, unexpected(fmt.Errorf("index %d of %d", index, len(chunks)))
		}
		states[index] = state
	}
	if _, err := in.Token(); err != nil {
		return nil, unexpected(err)
	}
	for i, chunk := range chunks {
		if n := len(states[i]) / width; n != len(chunk) {
			return nil, hint.New(fmt.Sprintf("the model has %d hidden states for %d tokens", n, len(chunk)), otherHead)
		}
	}
	return states, nil
}

// readChunk reads {"index": 0, "embedding": [[…], …]}.
func readChunk(in *json.Decoder, width int) (index int, states []float32, err error) {
	if err := open(in, '{'); err != nil {
		return 0, nil, err
	}
	for in.More() {
		key, err := in.Token()
		switch {
		case err != nil:
		case key == "index":
			err = in.Decode(&index)
		case key == "embedding":
			states, err = readPositions(in, width)
			if err != nil {
				return 0, nil, err
			}
		default:
			err = in.Decode(new(json.RawMessage))
		}
		if err != nil {
			return 0, nil, unexpected(err)
		}
	}
	_, err = in.Token()
	return index, states, unexpected(err)
}

// readPositions reads [[…], …], number by number, because the whole may be large.
func readPositions(in *json.Decoder, width int) (states []float32, err error) {
	if err := open(in, '['); err != nil {
		return nil, err
	}
	for position := 0; in.More(); position++ {
		if err := open(in, '['); err != nil {
			return nil, err
		}
		n := 0
		for ; in.More(); n++ {
			token, err := in.Token()
			if err != nil {
				return nil, unexpected(err)
			}
			value, ok := token.(float64)
			if !ok || math.IsInf(float64(float32(value)), 0) { // null stands for NaN
				return nil, hint.New(fmt.Sprintf("the model's hidden states are not finite numbers at position %d",
					position), "check the file: a sound model has only finite ones")
			}
			if n < width {
				states = append(states, float32(value))
			}
		}
		if n != width {
			return nil, hint.New(fmt.Sprintf("the model's hidden states have %d numbers, its head takes %d", n, width),
				otherHead)
		}
		if _, err := in.Token(); err != nil {
			return nil, unexpected(err)
		}
	}
	_, err = in.Token()
	return states, unexpected(err)
}

// open reads the start of an array or an object.
func open(in *json.Decoder, start json.Delim) error {
	token, err := in.Token()
	if err == nil && token != start {
		err = fmt.Errorf("%v", token)
	}
	return unexpected(err)
}

// unexpected explains err as an answer without hidden states.
func unexpected(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return hint.Wrap(fmt.Errorf("%s gave no hidden states: %w", serverName, err),
		"check that this runtime can run the model; Ollama 0.30 or newer has one that can")
}
