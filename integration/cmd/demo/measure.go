package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ollama/ollama/api"
)

const (
	timedTokens = 240
	settle      = 500 * time.Millisecond // llama.cpp's threads spin for a while after an answer, and would be timed too
	wideSpread  = 1.5                    // fastest over slowest run of one model, above which the numbers say little
	// Passages of the text: so many words before the first place, and so many places.
	firstWords   = 40
	placesInRow  = 30
	contextWords = firstWords + placesInRow // well below the model's 256 tokens
)

// generate continues prompt as it is, greedily and without a penalty, by n tokens.
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

// speeds times both models in turn, so that a busy neighbour hits both alike.
func (d *demo) speeds(ctx context.Context) error {
	var rates [2][]float64
	var ratios []float64
	for run := range d.runs + 1 {
		var pair [2]float64
		for i, s := range d.sides {
			time.Sleep(settle)
			answer, err := s.generate(ctx, d.prompt, timedTokens)
			if err != nil {
				return err
			}
			if answer.EvalCount == 0 || answer.EvalDuration <= 0 {
				return fmt.Errorf("%s wrote nothing that could be timed", s.model)
			}
			pair[i] = float64(answer.EvalCount) / answer.EvalDuration.Seconds()
			if run > 0 { // the first pair warms up
				rates[i] = append(rates[i], pair[i])
			}
		}
		if run > 0 {
			ratios = append(ratios, pair[1]/pair[0])
		}
	}
	d.say("\nSpeed: tokens a second as Ollama reports them, median of %d runs in turn (slowest to fastest)", d.runs)
	for i, s := range d.sides {
		r := rates[i]
		d.say("  %-10s %6.0f   (%.0f to %.0f)", s.name, median(r), slices.Min(r), slices.Max(r))
	}
	d.say("  %-10s %6.2fx  (%.2fx to %.2fx)", "ratio", median(ratios), slices.Min(ratios), slices.Max(ratios))
	if dense := rates[0]; slices.Max(dense) > wideSpread*slices.Min(dense) {
		d.say("  The runs differ a lot: something else keeps the processors busy. Try again when the machine is idle.")
	}
	return nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// agreement asks both models for the next token behind the same words, word after word of passages of the text: each
// place is asked anew, so that one different token does not change the places after it.
func (d *demo) agreement(ctx context.Context) error {
	text, err := os.ReadFile(d.text)
	if err != nil {
		return err
	}
	words := strings.Fields(string(text))
	passages := (d.places + placesInRow - 1) / placesInRow
	if len(words) < passages*contextWords {
		return fmt.Errorf("%s is too short for %d places", d.text, d.places)
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
	d.say("\nSame token: the likeliest next one at %d places of a text that the model was not trained on", places)
	d.say("  %d of %d (%.1f %%)", same, places, 100*float64(same)/float64(places))
	return nil
}

// nextToken is the token that the model puts behind the text, as bytes, for a token may be a part of a character.
func (s side) nextToken(ctx context.Context, text string) (string, error) {
	answer, err := s.generate(ctx, text, 1)
	if err != nil {
		return "", err
	}
	if len(answer.Logprobs) != 1 {
		return "", fmt.Errorf("%s answered %d tokens instead of one", s.model, len(answer.Logprobs))
	}
	return fmt.Sprintf("%q %v", answer.Logprobs[0].Token, answer.Logprobs[0].Bytes), nil
}
