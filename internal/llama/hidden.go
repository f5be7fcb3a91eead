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

// HiddenArgs are the arguments of a server for Hidden of up to n tokens: one batch, and what enters the head instead of
// logits.
func HiddenArgs(n int) []string {
	size := strconv.Itoa(n)
	return []string{"--embedding", "--pooling", "none", "--batch-size", size, "--ubatch-size", size}
}

const otherHead = "convert without --calibrate: this model's head cannot be calibrated so"

// Text returns the tokens of a text alone, and of one with those that the model wants at its start.
func (s *Server) Text(ctx context.Context, text string) (alone, special []int, err error) {
	if special, err = s.Tokens(ctx, text); err != nil {
		return nil, nil, err
	}
	var answer struct {
		Tokens []int `json:"tokens"`
	}
	err = s.Post(ctx, "/tokenize", map[string]any{"content": text, "add_special": false}, &answer)
	return answer.Tokens, special, err
}

// Hidden runs the model over tokens, from an empty context, and hands the hidden state of each position to each: the
// width numbers that its head would multiply, which hold until each returns.
func (s *Server) Hidden(ctx context.Context, tokens []int, width int,
	each func(position int, state []float32) error) error {
	// -1: as they are
	body, err := json.Marshal(map[string]any{"content": tokens, "embd_normalize": -1})
	if err != nil {
		return err
	}
	return s.stream(ctx, http.MethodPost, "/embedding", body, func(r io.Reader) error {
		return readStates(json.NewDecoder(r), len(tokens), width, each)
	})
}

// readStates reads [{"index": 0, "embedding": [[…], …]}] number by number, for the whole of it may be large.
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
			if !ok || math.IsInf(float64(float32(value)), 0) { // null stands for what is no number
				return hint.New(fmt.Sprintf("the model's hidden states are not finite numbers at position %d", position),
					"check the file: a sound model has none of these")
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

// unexpected is the error of an answer that is none.
func unexpected(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return hint.Wrap(fmt.Errorf("%s gave no hidden states: %w", serverName, err),
		"check that this runtime can run the model; Ollama 0.30 or newer has one that can")
}
