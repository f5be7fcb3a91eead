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

// HiddenArgs returns the server arguments for Hidden with up to n tokens: one batch, and embeddings instead of logits.
func HiddenArgs(n int) []string {
	size := strconv.Itoa(n)
	return []string{"--embedding", "--pooling", "none", "--batch-size", size, "--ubatch-size", size}
}

const otherHead = "convert with --no-calibrate: this model's head cannot be calibrated"

// Text returns the tokens of a text without and with the special tokens at its start.
func (s *Server) Text(ctx context.Context, text string) (alone, special []int, err error) {
	if special, err = s.Tokens(ctx, text); err != nil {
		return nil, nil, err
	}
	alone, err = s.PlainTokens(ctx, text)
	return alone, special, err
}

// Hidden runs the model over tokens from an empty context. It calls each with the input of the head at every position,
// width numbers that are valid until each returns.
func (s *Server) Hidden(ctx context.Context, tokens []int, width int,
	each func(position int, state []float32) error) error {
	body, err := json.Marshal(map[string]any{"content": tokens, "embd_normalize": -1}) // -1: not normalized
	if err != nil {
		return err
	}
	return s.stream(ctx, http.MethodPost, "/embedding", body, func(r io.Reader) error {
		return readStates(json.NewDecoder(r), len(tokens), width, each)
	})
}

// readStates reads [{"index": 0, "embedding": [[…], …]}] number by number, because the whole may be large.
func readStates(in *json.Decoder, count, width int, each func(position int, state []float32) error) error {
	for {
		token, err := in.Token()
		if err != nil {
			return unexpected(err)
		}
		if token == "embedding" {
			break
		}
	}
	if err := open(in); err != nil {
		return err
	}
	state := make([]float32, width)
	position := 0
	for ; in.More(); position++ {
		if err := open(in); err != nil {
			return err
		}
		n := 0
		for ; in.More(); n++ {
			token, err := in.Token()
			if err != nil {
				return unexpected(err)
			}
			value, ok := token.(float64)
			if !ok || math.IsInf(float64(float32(value)), 0) { // null stands for NaN
				return hint.New(fmt.Sprintf("the model's hidden states are not finite numbers at position %d", position),
					"check the file: a sound model has only finite ones")
			}
			if n < width {
				state[n] = float32(value)
			}
		}
		if n != width {
			return hint.New(fmt.Sprintf("the model's hidden states have %d numbers, its head takes %d", n, width), otherHead)
		}
		if _, err := in.Token(); err != nil {
			return unexpected(err)
		}
		if err := each(position, state); err != nil {
			return err
		}
	}
	if position != count {
		return hint.New(fmt.Sprintf("the model has %d hidden states for %d tokens", position, count), otherHead)
	}
	return nil
}

// open reads the start of an array.
func open(in *json.Decoder) error {
	token, err := in.Token()
	if err == nil && token != json.Delim('[') {
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
