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
	timedTokens  = 240
	settle       = 500 * time.Millisecond // llama.cpp's threads spin for a while after an answer
	wideSpread   = 1.5                    // maximum over minimum of one model's runs above which speeds say little
	firstWords   = 40                     // of a passage, before its first place
	placesInRow  = 30                     // of a passage, one word apart
	contextWords = firstWords + placesInRow
)

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
	rates, err := harness.Measure(ctx, len(d.sides), d.runs, func(i int) (float64, error) {
		time.Sleep(settle)
		answer, err := d.sides[i].generate(ctx, d.prompt, timedTokens)
		if err == nil && (answer.EvalCount == 0 || answer.EvalDuration <= 0) {
			err = fmt.Errorf("%s generated nothing that could be timed", d.sides[i].model)
		}
		return float64(answer.EvalCount) / answer.EvalDuration.Seconds(), err
	})
	if err != nil {
		return err
	}
	say("\nSpeed: tokens/s as Ollama reports them, median of %d runs in turn (minimum to maximum)", d.runs)
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
	text, err := os.ReadFile(d.text)
	if err != nil {
		return err
	}
	words := strings.Fields(string(text))
	passages := (d.places + placesInRow - 1) / placesInRow
	if len(words) < passages*contextWords {
		return fmt.Errorf("%s is too short to compare at %d places", d.text, d.places)
	}
	same, places := 0, 0
	for i := range passages {
		passage := words[i*(len(words)-contextWords)/passages:]
		for n := firstWords; n < contextWords && places < d.places; n++ {
			before := strings.Join(passage[:n], " ")
			var tokens [2]string
			for j, s := range d.sides {
				if tokens[j], err = s.nextToken(ctx, before); err != nil {
					return err
				}
			}
			places++
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
