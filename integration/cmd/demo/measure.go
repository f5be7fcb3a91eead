package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

const (
	prompt      = "We, the people,"
	timedTokens = 240
	timedRuns   = 7                      // of each model
	settle      = 500 * time.Millisecond // llama.cpp's threads spin for a while after an answer
	wideSpread  = 1.5                    // maximum over minimum of one model's runs above which speeds say little

	// heldOut is text that the model was not trained on. Next tokens are compared at places of passages of it.
	heldOut      = "integration/testdata/heldout.txt"
	passages     = 8
	firstWords   = 40 // of a passage, before its first place
	placesInRow  = 30 // of a passage, one word apart
	contextWords = firstWords + placesInRow
)

// answers shows both answers to the prompt.
func (d *demo) answers(ctx context.Context) error {
	var said [2][]string
	for i, s := range d.sides {
		say("\n$ ollama run %s %q", s.model, prompt)
		text, err := s.ollama.Run(ctx, s.ollama.Prefix.Bin("ollama"), "run", "--nowordwrap", s.model, prompt)
		if err != nil {
			return err
		}
		say("%s", wrap(text))
		said[i] = strings.Fields(text)
	}
	same := 0
	for same < min(len(said[0]), len(said[1])) && said[0][same] == said[1][same] {
		same++
	}
	if same == max(len(said[0]), len(said[1])) {
		say("\nThe same answer, word for word.")
	} else {
		say("\nThe same answer for %d words; then one different token changes all that follow.", same)
	}
	return nil
}

// wrap breaks text into indented lines of about 90 columns.
func wrap(text string) string {
	line, column := " ", 1
	for _, word := range strings.Fields(text) {
		if column += 1 + len(word); column > 90 {
			line, column = line+"\n ", 2+len(word)
		}
		line += " " + word
	}
	return line
}

// generate continues the raw prompt greedily by n tokens.
func (s side) generate(ctx context.Context, prompt string, n int) (api.GenerateResponse, error) {
	stream := false
	request := &api.GenerateRequest{
		Model: s.model, Prompt: prompt, Raw: true, Stream: &stream, Logprobs: n == 1,
		Options: map[string]any{"temperature": 0, "repeat_penalty": 1.0, "num_predict": n, "stop": []string{}},
	}
	var answer api.GenerateResponse
	err := s.ollama.Client.Generate(ctx, request, func(r api.GenerateResponse) error {
		answer = r
		return nil
	})
	return answer, err
}

// speeds times both models in turn.
func (d *demo) speeds(ctx context.Context) error {
	rates, err := harness.Measure(ctx, len(d.sides), timedRuns, func(i int) (float64, error) {
		time.Sleep(settle)
		answer, err := d.sides[i].generate(ctx, prompt, timedTokens)
		if err == nil && (answer.EvalCount == 0 || answer.EvalDuration <= 0) {
			err = fmt.Errorf("%s generated nothing that could be timed", d.sides[i].model)
		}
		return float64(answer.EvalCount) / answer.EvalDuration.Seconds(), err
	})
	if err != nil {
		return err
	}
	say("\nSpeed: tokens/s as Ollama reports them, median of %d runs in turn (minimum to maximum)", timedRuns)
	for i, s := range d.sides {
		say("  %-10s %s", s.name, harness.Spread("%6.0f", rates[i]))
	}
	say("  %-10s %s", "speed-up", harness.Spread("%5.2fx", statistics.Ratios(rates[1], rates[0])))
	if dense := rates[0]; slices.Max(dense) > wideSpread*slices.Min(dense) {
		say("  The runs vary a lot: another program keeps the CPU busy. Try again when the machine is idle.")
	}
	return nil
}

// agreement compares the next tokens of both models after the same words of the text. Every place has the text itself
// as its context, so that one different token does not change later places.
func (d *demo) agreement(ctx context.Context) error {
	text, err := os.ReadFile(heldOut)
	if err != nil {
		return err
	}
	words := strings.Fields(string(text))
	same, places := 0, passages*placesInRow
	for i := range passages {
		passage := words[i*(len(words)-contextWords)/passages:]
		for n := firstWords; n < contextWords; n++ {
			before := strings.Join(passage[:n], " ")
			var tokens [2]string
			for j, s := range d.sides {
				if tokens[j], err = s.nextToken(ctx, before); err != nil {
					return err
				}
			}
			if tokens[0] == tokens[1] {
				same++
			}
		}
	}
	say("\nSame next token at %d of %d places (%.1f %%) of a text that the model was not trained on",
		same, places, 100*float64(same)/float64(places))
	return nil
}

// nextToken returns the next token after text with its bytes: a token may be part of a character.
func (s side) nextToken(ctx context.Context, text string) (string, error) {
	answer, err := s.generate(ctx, text, 1)
	if err != nil {
		return "", err
	}
	if len(answer.Logprobs) != 1 {
		return "", fmt.Errorf("%s generated %d tokens instead of one", s.model, len(answer.Logprobs))
	}
	return fmt.Sprintf("%q %v", answer.Logprobs[0].Token, answer.Logprobs[0].Bytes), nil
}
