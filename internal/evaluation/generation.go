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
		point := &j.report.Points[i]
		trials, err := j.trials(ctx, plain, texts, point.Probes, i, false)
		if err != nil {
			return err
		}
		for k, trial := range trials {
			j.report.Generation[k].Runs = append(j.report.Generation[k].Runs, trial)
		}
		point.Greedy, point.Speed = j.sumUp(trials)
	}
	// With checks of tokens, if the runtime has them, the model's own P is measured.
	trials, err := j.trials(ctx, plain, texts, int(j.report.Model.Probes), len(j.report.Points), true)
	if err != nil {
		return err
	}
	if trials != nil {
		for k := range trials {
			j.report.Generation[k].Checked = &trials[k]
		}
		j.report.Checked = &Checked{}
		j.report.Checked.Greedy, j.report.Checked.Speed = j.sumUp(trials)
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

// trials continues all prompts with the dense server and one with p probes in turn. If check is set, tokens are
// checked; it returns nil if the runtime cannot. done is the number of earlier calls, for the progress.
func (j *job) trials(ctx context.Context, plain *llama.Server, texts [][]int, p, done int, check bool) ([]Trial,
	error) {
	settings := j.settings(p)
	if check {
		settings = append(settings, "FLASHHEAD_EXACT=auto")
	}
	flash, err := j.start(ctx, settings)
	if err != nil {
		return nil, err
	}
	defer flash.Stop()
	if check && !flash.Checks() {
		return nil, nil
	}
	var trials []Trial
	for i, text := range texts {
		j.progress.Set(float64(done*len(texts)+i)/float64(len(texts)*(len(j.report.Points)+1)),
			fmt.Sprintf("with P = %d", p))
		want, err := paced(ctx, plain, text, j.Predict)
		if err != nil {
			return nil, err
		}
		got, err := paced(ctx, flash, text, j.Predict)
		if err != nil {
			return nil, err
		}
		prompt := &j.report.Generation[i]
		prompt.Tokens, prompt.Dense = len(want.Tokens), want.Text
		trial := Trial{Probes: p, Divergence: divergesAt(want.Tokens, got.Tokens), Text: got.Text}
		if min(len(want.Tokens), len(got.Tokens)) >= leastTimed {
			trial.Speed, trial.DenseSpeed = got.Speed, want.Speed
		}
		trials = append(trials, trial)
	}
	return trials, nil
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

// sumUp summarises one trial of each prompt. The speed is nil if all continuations are too short for one.
func (j *job) sumUp(trials []Trial) (*Greedy, *Speed) {
	greedy := &Greedy{}
	var shares, dense, flash, ratios []float64
	for i, trial := range trials {
		greedy.Identical.Total++
		agreed := 1.0
		if trial.Divergence < 0 {
			greedy.Identical.Count++
		} else {
			agreed = float64(trial.Divergence) / float64(max(j.report.Generation[i].Tokens, 1))
		}
		shares = append(shares, agreed)
		if trial.Speed > 0 && trial.DenseSpeed > 0 {
			dense, flash, ratios = append(dense, trial.DenseSpeed), append(flash, trial.Speed), append(ratios,
				trial.Speed/trial.DenseSpeed)
		}
	}
	greedy.Agreed, _ = statistics.Mean(shares)
	if len(ratios) == 0 {
		return greedy, nil
	}
	return greedy, &Speed{Dense: statistics.Median(dense), Flash: statistics.Median(flash),
		Ratio: statistics.Median(ratios), Low: slices.Min(ratios), High: slices.Max(ratios)}
}
