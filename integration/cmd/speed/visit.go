package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/internal/sampletext"
)

const (
	contextTokens = 2048
	promptBytes   = 1000 // of the timed prompt: a few hundred tokens
	startBytes    = 100  // of the prompt of an answer
	leastTokens   = 32   // a shorter answer is not timed
	tries         = 8    // prompts for an answer that does not end early
	settle        = 500 * time.Millisecond
)

// visitAll visits all sides in every round, in alternating order. A round before them fills the caches.
func visitAll(ctx context.Context, o options, sides []*side, bar *progress.Progress) error {
	order := slices.Clone(sides)
	for round := range o.rounds + 1 {
		for i, s := range order {
			bar.Set(float64(round*len(order)+i)/float64((o.rounds+1)*len(order)),
				fmt.Sprintf("round %d of %d, %s", round, o.rounds, s.name))
			values, err := s.visit(ctx, o, round)
			if err != nil {
				return err
			}
			if round == 0 {
				continue
			}
			for m, v := range values {
				s.values[m] = append(s.values[m], v)
			}
		}
		slices.Reverse(order)
	}
	return nil
}

// visit loads the model, measures, and unloads it.
func (s *side) visit(ctx context.Context, o options, round int) (map[metric]float64, error) {
	values := map[metric]float64{}
	start, err := s.ask(ctx, o, text(0, startBytes), 1, 0)
	if err != nil {
		return nil, err
	}
	values[load] = start.LoadDuration.Seconds()

	time.Sleep(settle)
	long, err := s.ask(ctx, o, text(1+round, promptBytes), 1, 0)
	if err != nil {
		return nil, err
	}
	if long.PromptEvalCount == 0 || long.PromptEvalDuration <= 0 {
		return nil, fmt.Errorf("%s: no prompt was processed", s.name)
	}
	values[promptTokens] = float64(long.PromptEvalCount)
	values[promptRate] = float64(long.PromptEvalCount) / long.PromptEvalDuration.Seconds()
	values[firstToken] = 1e3 * long.first.Seconds()

	for _, at := range []struct {
		rate, gap   metric
		temperature float64
	}{{greedyRate, greedyGap, 0}, {sampledRate, sampledGap, 0.8}} {
		time.Sleep(settle)
		a, err := s.generate(ctx, o, at.temperature)
		if err != nil {
			return nil, err
		}
		values[at.rate] = float64(a.EvalCount) / a.EvalDuration.Seconds()
		values[at.gap] = 1e3 * a.gap.Seconds()
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := addMemory(values, s.ollama.PID()); err != nil {
		return nil, err
	}
	return values, s.unload(ctx)
}

// generate returns an answer that is long enough to be timed. Synthetic models may end one early; then it tries another
// prompt.
func (s *side) generate(ctx context.Context, o options, temperature float64) (answer, error) {
	for i := range tries {
		a, err := s.ask(ctx, o, text(100+i, startBytes), o.tokens, temperature)
		if err != nil || a.EvalCount >= max(leastTokens, o.tokens/2) && a.EvalDuration > 0 {
			return a, err
		}
	}
	return answer{}, hint.New(fmt.Sprintf("%s: the model ends each of %d answers early", s.name, tries),
		"ask for fewer tokens: --tokens")
}

// answer is what Ollama reports of an answer, and what its reader waits for.
type answer struct {
	api.Metrics
	first time.Duration // until the first piece of text
	gap   time.Duration // the longest between two pieces
}

// ask has the model continue prompt by n tokens.
func (s *side) ask(ctx context.Context, o options, prompt string, n int, temperature float64) (answer, error) {
	request := &api.GenerateRequest{
		Model: modelName, Prompt: prompt, Raw: true,
		Options: map[string]any{"temperature": temperature, "seed": 1, "num_predict": n, "num_ctx": contextTokens,
			"stop": []string{}},
	}
	if o.threads > 0 {
		request.Options["num_thread"] = o.threads
	}
	var a answer
	last := time.Now()
	err := s.ollama.Client.Generate(ctx, request, func(r api.GenerateResponse) error {
		waited := time.Since(last)
		last = last.Add(waited)
		if a.first == 0 {
			a.first = waited
		} else {
			a.gap = max(a.gap, waited)
		}
		a.Metrics = r.Metrics
		return nil
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
	}
	return a, err
}

// unload makes Ollama end the llama-server, and waits until it has.
func (s *side) unload(ctx context.Context) error {
	request := &api.GenerateRequest{Model: modelName, KeepAlive: &api.Duration{Duration: 0}}
	if err := s.ollama.Client.Generate(ctx, request, func(api.GenerateResponse) error { return nil }); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	for {
		running, err := s.ollama.Client.ListRunning(ctx)
		if err != nil || len(running.Models) == 0 {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// text returns the i-th piece of the sample text. Different prompts keep them out of prompt caches.
func text(i, bytes int) string {
	all := sampletext.Everything()
	at := i * 997 % (len(all) - bytes)
	return strings.ToValidUTF8(all[at:at+bytes], "")
}
