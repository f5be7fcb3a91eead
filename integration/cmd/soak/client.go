//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/sampletext"
)

// patience is how long a request may take. A longer one counts as hanging.
const patience = 10 * time.Second

// longest is the largest size of a prompt in bytes. Its tokens must fit into the context.
const longest = 200

// schema is a JSON schema whose answers always end.
const schema = `{"type": "object", "required": ["answer", "count"], "additionalProperties": false, "properties": {
	"answer": {"enum": ["yes", "no", "漢字"]}, "count": {"type": "integer", "minimum": 1, "maximum": 99}}}`

// kinds of requests. change makes one of a greedy request, and check, unless it is nil, checks its answer.
var kinds = []struct {
	name   string
	change func(*api.GenerateRequest)
	check  func(answer) error
}{
	{"greedy", func(*api.GenerateRequest) {}, nil},
	{"sampled", func(r *api.GenerateRequest) { r.Options["temperature"] = 0.8 }, nil},
	{"schema", func(r *api.GenerateRequest) {
		r.Format, r.Options["temperature"], r.Options["num_predict"] = json.RawMessage(schema), 1.2, 100
	}, answer.conforms},
	{"log-probabilities", func(r *api.GenerateRequest) { r.Logprobs, r.TopLogprobs = true, topLogprobs },
		answer.hasLogprobs},
	{cancelled, func(r *api.GenerateRequest) { r.Options["temperature"], r.Options["num_predict"] = 0.8, 1000 }, nil},
}

const (
	cancelled   = "cancelled" // the client hangs up after some parts of a long answer
	topLogprobs = 5
)

// answer is what a client got.
type answer struct {
	text     string
	parts    int
	tokens   int // as Ollama counts them, in the last part
	logprobs []api.Logprob
}

// conforms returns an error unless the answer conforms to schema.
func (a answer) conforms() error {
	var v struct {
		Answer string
		Count  int
	}
	if err := json.Unmarshal([]byte(a.text), &v); err != nil || v.Count < 1 || v.Count > 99 || v.Answer == "" {
		return fmt.Errorf("does not conform to the schema: %q, %v", a.text, err)
	}
	return nil
}

// hasLogprobs checks log probabilities. Ollama has none for a token that is only part of a character, nor for the last.
func (a answer) hasLogprobs() error {
	for _, l := range a.logprobs {
		if len(l.TopLogprobs) != topLogprobs {
			return fmt.Errorf("the top %d tokens are %v", topLogprobs, l.TopLogprobs)
		}
	}
	if len(a.logprobs) > a.tokens {
		return fmt.Errorf("%d tokens, but %d log probabilities", a.tokens, len(a.logprobs))
	}
	return nil
}

// ask is a client: it sends one request after the other until the given time.
func (s *server) ask(ctx context.Context, t *tally, seed uint64, until time.Time) {
	random := rand.New(rand.NewPCG(seed, 7))
	words := strings.Fields(sampletext.Everything())
	for time.Now().Before(until) && ctx.Err() == nil {
		at := random.IntN(len(words) - 40)
		prompt := strings.Join(words[at:at+4+random.IntN(30)], " ")
		prompt = strings.ToValidUTF8(prompt[:min(len(prompt), longest)], "")
		request := newRequest(models[random.IntN(len(models))].name, prompt, 16+random.IntN(80))
		request.Options["seed"] = random.IntN(1000)
		kind := kinds[random.IntN(len(kinds))]
		kind.change(request)
		most := math.MaxInt
		if kind.name == cancelled {
			most = 1 + random.IntN(20)
		}

		o := outcome{model: request.Model, kind: kind.name, began: time.Now()}
		var a answer
		if a, o.err = s.generate(ctx, request, most, patience); o.err == nil && kind.check != nil {
			o.err = kind.check(a)
		}
		if o.tokens = a.tokens; kind.name == cancelled {
			o.tokens = a.parts
		}
		if errors.Is(o.err, context.DeadlineExceeded) && ctx.Err() == nil {
			o.err = s.unstall(ctx, request.Model)
		}
		o.ended = time.Now()
		t.add(o)
	}
}

// newRequest returns a greedy request.
func newRequest(model, prompt string, tokens int) *api.GenerateRequest {
	return &api.GenerateRequest{Model: model, Prompt: prompt, Raw: true,
		Options: map[string]any{"num_predict": tokens, "temperature": 0.0}}
}

// errEnough stops reading an answer.
var errEnough = errors.New("enough")

// generate sends a request and hangs up after most parts of its answer. A whole answer has at least one token, and not
// more than requested.
func (s *server) generate(ctx context.Context, r *api.GenerateRequest, most int, limit time.Duration) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel() // closes the connection
	var a answer
	err := s.Client.Generate(ctx, r, func(part api.GenerateResponse) error {
		a.text += part.Response
		a.tokens = part.EvalCount
		a.logprobs = append(a.logprobs, part.Logprobs...)
		if a.parts++; a.parts >= most {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return a, nil
	}
	if tokens := r.Options["num_predict"].(int); err == nil && (a.tokens == 0 || a.tokens > tokens) {
		err = fmt.Errorf("%d of %d tokens: %q", a.tokens, tokens, a.text)
	}
	return a, err
}

// expire unloads a model; Ollama generates nothing for this request.
func (s *server) expire(ctx context.Context, model string) error {
	return s.Client.Generate(ctx, &api.GenerateRequest{Model: model, KeepAlive: &api.Duration{}},
		func(api.GenerateResponse) error { return nil })
}

// errStalled is the error of a request that Ollama, stock or patched, does not forward to a llama-server that would
// answer it. If a client hangs up at the wrong moment, Ollama never frees its place among the model's
// OLLAMA_NUM_PARALLEL. With no place left, requests wait until the model is unloaded
// (github.com/ollama/ollama/issues/17131).
var errStalled = errors.New("stalled in Ollama")

// unstall finds out why a model does not answer. If its llama-server answers a direct request, unstall unloads the
// model, so that Ollama forwards requests again, and returns errStalled.
func (s *server) unstall(ctx context.Context, model string) error {
	runner, err := s.runner(model)
	if err != nil {
		return err
	}
	if runner == nil { // another client has unloaded the model
		return errStalled
	}
	direct := http.Client{Timeout: patience}
	response, err := direct.Post("http://127.0.0.1:"+runner.Port+"/completion", "application/json",
		strings.NewReader(`{"prompt": "We, the people,", "n_predict": 4}`))
	if err != nil {
		return fmt.Errorf("llama-server hangs: %w", err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("llama-server: %s", response.Status)
	}
	if err := s.expire(ctx, model); err != nil {
		return fmt.Errorf("unload a stalled model: %w", err)
	}
	return errStalled
}
