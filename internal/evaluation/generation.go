package evaluation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

const (
	// llama.cpp's threads spin for a while after an answer, which would slow the next one
	settle      = 250 * time.Millisecond
	leastTimed  = 8   // least tokens of a continuation for a speed
	promptRoom  = 512 // tokens of context for a prompt
	warmUpSteps = 4
)

// server returns the options of a server for continuations.
func (j *job) server(settings []string) llama.ServerOptions {
	return llama.ServerOptions{Model: j.model.Path, Context: min(j.maxTokens, promptRoom+j.Predict),
		Threads: j.Threads, Settings: slices.Concat(settings, j.model.Settings)}
}

// generate continues the prompts with both heads in turn, so that load from other programs affects both.
func (j *job) generate(ctx context.Context) error {
	j.progress.Start("continuations")
	plain, err := j.start(ctx, off)
	if err != nil {
		return err
	}
	defer plain.Stop()
	j.report.Generation = slices.Clone(prompts)
	var texts [][]int
	for _, prompt := range prompts {
		tokens, err := plain.Tokens(ctx, prompt.Text)
		if err != nil {
			return err
		}
		texts = append(texts, tokens[:min(len(tokens), j.server(nil).Context-j.Predict)])
	}
	for i := range j.report.Points {
		if err := j.continuations(ctx, plain, texts, i); err != nil {
			return err
		}
		j.sumUp(i)
	}
	j.progress.Done(fmt.Sprintf("%d continuations of %d tokens with each P", len(prompts), j.Predict))
	return nil
}

// start starts a server and has it answer once to warm up.
func (j *job) start(ctx context.Context, settings []string) (*llama.Server, error) {
	server, err := j.programs.Start(ctx, j.server(settings))
	if err != nil {
		return nil, err
	}
	tokens, err := server.Tokens(ctx, prompts[0].Text)
	if err == nil {
		_, err = server.Greedy(ctx, tokens[:min(len(tokens), j.maxTokens-warmUpSteps)], warmUpSteps)
	}
	if err != nil {
		server.Stop()
		return nil, err
	}
	return server, nil
}

// continuations runs all prompts with the P of one point.
func (j *job) continuations(ctx context.Context, plain *llama.Server, texts [][]int, point int) error {
	p := j.report.Points[point].Probes
	flash, err := j.start(ctx, j.settings(p))
	if err != nil {
		return err
	}
	defer flash.Stop()
	for i, text := range texts {
		done := point*len(texts) + i
		j.progress.Set(float64(done)/float64(len(texts)*len(j.report.Points)), fmt.Sprintf("with P = %d", p))
		want, err := paced(ctx, plain, text, j.Predict)
		if err != nil {
			return err
		}
		got, err := paced(ctx, flash, text, j.Predict)
		if err != nil {
			return err
		}
		prompt := &j.report.Generation[i]
		prompt.Tokens, prompt.Dense = len(want.Tokens), want.Text
		trial := Trial{Probes: p, Divergence: divergesAt(want.Tokens, got.Tokens), Text: got.Text}
		if min(len(want.Tokens), len(got.Tokens)) >= leastTimed {
			trial.Speed, trial.DenseSpeed = got.Speed, want.Speed
		}
		prompt.Runs = append(prompt.Runs, trial)
	}
	return nil
}

// paced waits for idle threads and continues a prompt.
func paced(ctx context.Context, s *llama.Server, prompt []int, n int) (llama.Completion, error) {
	select {
	case <-ctx.Done():
		return llama.Completion{}, ctx.Err()
	case <-time.After(settle):
	}
	return s.Greedy(ctx, prompt, n)
}

// divergesAt returns the index of the first token that differs or that only one has; -1 if the texts are equal.
func divergesAt(a, b []int) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) == len(b) {
		return -1
	}
	return min(len(a), len(b))
}

// sumUp sets one point's summary of the continuations.
func (j *job) sumUp(i int) {
	greedy := &Greedy{}
	var shares, dense, flash, ratios []float64
	for _, prompt := range j.report.Generation {
		trial := prompt.Runs[i]
		greedy.Identical.Total++
		agreed := 1.0
		if trial.Divergence < 0 {
			greedy.Identical.Count++
		} else {
			agreed = float64(trial.Divergence) / float64(max(prompt.Tokens, 1))
		}
		shares = append(shares, agreed)
		if trial.Speed > 0 && trial.DenseSpeed > 0 {
			dense, flash, ratios = append(dense, trial.DenseSpeed), append(flash, trial.Speed), append(ratios,
				trial.Speed/trial.DenseSpeed)
		}
	}
	greedy.Agreed, _ = statistics.Mean(shares)
	point := &j.report.Points[i]
	point.Greedy = greedy
	if len(ratios) > 0 {
		point.Speed = &Speed{Dense: statistics.Median(dense), Flash: statistics.Median(flash),
			Ratio: statistics.Median(ratios),
			Low:   slices.Min(ratios), High: slices.Max(ratios)}
	}
}
