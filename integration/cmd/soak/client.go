//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/sampletext"
)

// patience is how long a request may take. A longer one counts as hanging.
const patience = 10 * time.Second

// longest is the largest size of a prompt in bytes. Its tokens must fit into the context.
const longest = 200

// request is a request of a client.
type request struct {
	model, prompt string
	tokens        int
	seed          int
	temperature   float64
	logprobs      int             // number of top log probabilities
	format        json.RawMessage // nil: plain text
}

// schema is a JSON schema whose answers always end.
const schema = `{"type": "object", "required": ["answer", "count"], "additionalProperties": false, "properties": {
	"answer": {"enum": ["yes", "no", "漢字"]}, "count": {"type": "integer", "minimum": 1, "maximum": 99}}}`

// ask is a client: it sends one request after the other until the given time.
func (s *server) ask(ctx context.Context, t *tally, seed uint64, until time.Time) {
	random := rand.New(rand.NewPCG(seed, 7))
	words := strings.Fields(sampletext.Everything())
	kinds := []struct {
		name string
		ask  func(context.Context, request) (int, error)
	}{{"greedy", s.whole}, {"sampled", s.sampled}, {"schema", s.constrained}, {"log-probabilities",
		s.logprobs}, {"cancelled", s.cancelled}}
	for time.Now().Before(until) && ctx.Err() == nil {
		at := random.IntN(len(words) - 40)
		prompt := strings.Join(words[at:at+4+random.IntN(30)], " ")
		if len(prompt) > longest {
			prompt = strings.ToValidUTF8(prompt[:longest], "")
		}
		r := request{
			model: models[random.IntN(len(models))].name, prompt: prompt,
			tokens: 16 + random.IntN(80), seed: random.IntN(1000),
		}
		kind := kinds[random.IntN(len(kinds))]
		o := outcome{model: r.model, kind: kind.name, began: time.Now()}
		limited, cancel := context.WithTimeout(ctx, patience)
		o.tokens, o.err = kind.ask(limited, r)
		cancel()
		if errors.Is(o.err, context.DeadlineExceeded) && ctx.Err() == nil {
			o.err = s.unstall(ctx, r.model)
		}
		o.ended = time.Now()
		t.add(o)
	}
}

// whole requests a greedy answer and returns its number of tokens.
func (s *server) whole(ctx context.Context, r request) (tokens int, err error) {
	text := ""
	err = s.generate(ctx, r, func(a api.GenerateResponse) error {
		text += a.Response
		tokens = a.EvalCount // set in the last part
		return nil
	})
	if err == nil && (tokens == 0 || tokens > r.tokens) {
		err = fmt.Errorf("%d of %d tokens: %q", tokens, r.tokens, text)
	}
	return tokens, err
}

func (s *server) sampled(ctx context.Context, r request) (int, error) {
	r.temperature = 0.8
	return s.whole(ctx, r)
}

// constrained requests an answer that conforms to schema.
func (s *server) constrained(ctx context.Context, r request) (tokens int, err error) {
	r.format, r.temperature, r.tokens = json.RawMessage(schema), 1.2, 100
	text := ""
	err = s.generate(ctx, r, func(a api.GenerateResponse) error {
		text += a.Response
		tokens = a.EvalCount
		return nil
	})
	var v struct {
		Answer string
		Count  int
	}
	if err == nil {
		if err = json.Unmarshal([]byte(text), &v); err != nil || v.Count < 1 || v.Count > 99 || v.Answer == "" {
			err = fmt.Errorf("does not conform to the schema: %q, %v", text, err)
		}
	}
	return tokens, err
}

// logprobs requests log probabilities. Ollama has none for a token that is only part of a character, nor for the last.
func (s *server) logprobs(ctx context.Context, r request) (tokens int, err error) {
	r.logprobs = 5
	got := 0
	err = s.generate(ctx, r, func(a api.GenerateResponse) error {
		for _, l := range a.Logprobs {
			if len(l.TopLogprobs) != r.logprobs {
				return fmt.Errorf("the top %d tokens are %v", r.logprobs, l.TopLogprobs)
			}
			got++
		}
		tokens = a.EvalCount
		return nil
	})
	if err == nil && got > tokens {
		err = fmt.Errorf("%d tokens, but %d log probabilities", tokens, got)
	}
	return tokens, err
}

// errEnough stops reading an answer.
var errEnough = errors.New("enough")

// cancelled hangs up after some parts of a long answer and returns their number.
func (s *server) cancelled(ctx context.Context, r request) (parts int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection
	r.temperature, r.tokens = 0.8, 1000
	enough := 1 + r.seed%20
	err = s.generate(ctx, r, func(api.GenerateResponse) error {
		if parts++; parts >= enough {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return parts, err
}

// generate sends a request. It calls receive, which may be nil, for each part of the answer.
func (s *server) generate(ctx context.Context, r request, receive api.GenerateResponseFunc) error {
	if receive == nil {
		receive = func(api.GenerateResponse) error { return nil }
	}
	return s.Client.Generate(ctx, &api.GenerateRequest{
		Model: r.model, Prompt: r.prompt, Raw: true, Format: r.format, Logprobs: r.logprobs > 0, TopLogprobs: r.logprobs,
		Options: map[string]any{"num_predict": r.tokens, "seed": r.seed, "temperature": r.temperature},
	}, receive)
}

// expire unloads a model; Ollama generates nothing for this request.
func (s *server) expire(ctx context.Context, model string) error {
	now := &api.Duration{Duration: 0}
	return s.Client.Generate(ctx, &api.GenerateRequest{Model: model, KeepAlive: now},
		func(api.GenerateResponse) error { return nil })
}
