package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

// drawRequests are fields of llama-server's requests that affect a draw. Most allow a short list of candidates, so each
// draw uses one, except where a grammar rejects the first token.
var drawRequests = []struct {
	name   string
	all    bool // all tokens are needed
	fields map[string]any
}{
	{"defaults", false, nil},
	{"temperature 0", false, map[string]any{"temperature": 0}},
	{"temperature 1.5", false, map[string]any{"temperature": 1.5, "top_p": 1, "min_p": 0}},
	{"temperature 0 with one candidate", false, map[string]any{"temperature": 0, "top_k": 1}},
	{"penalties", false, map[string]any{"repeat_penalty": 1.2, "frequency_penalty": 0.3, "presence_penalty": -0.2}},
	{"penalties with a short memory", false, map[string]any{"repeat_penalty": 1.3, "repeat_last_n": 7}},
	{"penalties with a long memory", true, map[string]any{"repeat_penalty": 1.2, "repeat_last_n": 200}},
	{"typical, xtc", false, map[string]any{"typical_p": 0.9, "xtc_probability": 0.5, "xtc_threshold": 0.05}},
	{"dynamic temperature", false, map[string]any{"dynatemp_range": 0.5}},
	{"bias", false, map[string]any{"logit_bias": [][2]any{{300, 3}, {5000, 2.5}, {261, false}}}},
	{"two biases of one token", true, map[string]any{"logit_bias": [][2]any{{300, 1}, {300, 2}}}},
	{"probabilities", false, map[string]any{"n_probs": 8}},
	{"probabilities behind the samplers", false, map[string]any{"n_probs": 8, "post_sampling_probs": true}},
	{"more probabilities than candidates", false, map[string]any{"n_probs": 100, "n_predict": 4}},
	{"stop", false, map[string]any{"stop": []string{" the", ","}}},
	{"grammar", false, map[string]any{"grammar": `root ::= ([a-z ]+ ".")+`, "n_probs": 3}},
	{"schema", false, map[string]any{"json_schema": map[string]any{"type": "array",
		"items": map[string]any{"type": "integer"}}, "n_predict": 16}},
	{"top_k off", true, map[string]any{"top_k": 0}},
	{"top_k of many", true, map[string]any{"top_k": 500}},
	{"top_n_sigma", true, map[string]any{"top_n_sigma": 1.5}},
	{"dry", true, map[string]any{"dry_multiplier": 0.8, "dry_allowed_length": 2, "dry_penalty_last_n": 64}},
	{"mirostat", true, map[string]any{"mirostat": 1}},
	{"mirostat 2", true, map[string]any{"mirostat": 2}},
	{"another order", true, map[string]any{"samplers": []string{"temperature", "top_k"}}},
}

// idle needs all tokens as candidates but changes nothing: it penalises repetitions that are too long to occur.
var idle = map[string]any{"dry_multiplier": 1, "dry_allowed_length": 1 << 20, "dry_penalty_last_n": 64}

// drawn is the part of llama-server's answer that draws decide.
type drawn struct {
	Content       string          `json:"content"`
	Tokens        []int           `json:"tokens"`
	Draws         int             `json:"tokens_predicted"`
	Stopped       string          `json:"stop_type"`
	Probabilities json.RawMessage `json:"completion_probabilities"`
}

func (d drawn) String() string {
	return fmt.Sprintf("%v %q, %s, %s", d.Tokens, d.Content, d.Stopped, d.Probabilities)
}

// draw continues prompt with the fields of a request.
func draw(t *testing.T, l *harness.Llama, prompt string, seed int, fields ...map[string]any) drawn {
	t.Helper()
	request := map[string]any{"prompt": prompt, "n_predict": 32, "seed": seed, "cache_prompt": false,
		"return_tokens": true}
	for _, f := range fields {
		maps.Copy(request, f)
	}
	var answer drawn
	if err := l.Complete(timeout(t), request, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

var candidatesLine = regexp.MustCompile(`flash_head: (\d+) of 32000 tokens are candidates`)

// candidates returns the number of candidates of each draw, from a log.
func candidates(t *testing.T, log string) (counts []int) {
	t.Helper()
	for _, found := range candidatesLine.FindAllStringSubmatch(log, -1) {
		n, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, n)
	}
	return counts
}

// Draws from short lists of candidates equal those from all tokens, with any sampler. Lists are short whenever
// possible.
func TestShortLists(t *testing.T) {
	h := patched(t)
	l := startLlama(t, h, []string{"--model", converted(t), "--log-verbosity", "5"})
	texts := prompts(t, 2)
	read := 0
	since := func(draws int) []int { // of the last draws; the log lags a little
		t.Helper()
		var log string
		await(t, fmt.Sprintf("%d draws are in the log", draws), func() bool {
			log = l.Log()
			return len(candidates(t, log[read:])) >= draws
		})
		counts := candidates(t, log[read:])
		read = len(log)
		return counts
	}
	for _, r := range drawRequests {
		t.Run(r.name, func(t *testing.T) {
			for seed, text := range texts {
				got := draw(t, l, text, seed, r.fields)
				for _, n := range since(got.Draws) {
					if all := n == 32000; all != r.all || n > 32000/8 && !all {
						t.Errorf("a draw from %d candidates", n)
						break
					}
				}
				if r.all {
					continue
				}
				want := draw(t, l, text, seed, r.fields, idle)
				for _, n := range since(want.Draws) {
					if n != 32000 {
						t.Fatalf("what is to compare with is a draw from %d candidates", n)
					}
				}
				if got.String() != want.String() {
					t.Errorf("from short lists %s\nfrom all tokens %s", got, want)
				}
			}
		})
	}
}

// An exhausted reasoning budget, and a grammar triggered by a word, need all tokens from one draw to the next.
func TestShortListsStepAside(t *testing.T) {
	h := patched(t)
	l := startLlama(t, h, []string{"--model", converted(t)})
	for name, c := range map[string]struct {
		fields map[string]any
		says   *regexp.Regexp
	}{
		"reasoning budget": {map[string]any{
			"reasoning_budget_tokens": 3, "reasoning_budget_start_tag": " the", "reasoning_budget_end_tag": " and so on",
			"reasoning_budget_message": "",
		}, regexp.MustCompile(` the\b.* and so on`)},
		"lazy grammar": {map[string]any{
			"grammar": `root ::= " the" (" " [x-z]+)+ "."`, "grammar_lazy": true, "preserved_tokens": []string{" the"},
			"grammar_triggers": []map[string]any{{"type": 1, "value": " the"}},
		}, regexp.MustCompile(`^ and we are in the [x-z][x-z ]*\.?$`)},
	} {
		t.Run(name, func(t *testing.T) {
			greedy := draw(t, l, "We, the people,", 0, c.fields, map[string]any{"temperature": 0})
			if !c.says.MatchString(greedy.Content) {
				t.Errorf("%q is not like %v", greedy.Content, c.says)
			}
			for seed, text := range prompts(t, 3) {
				got, want := draw(t, l, text, seed, c.fields), draw(t, l, text, seed, c.fields, idle)
				if got.String() != want.String() {
					t.Errorf("from short lists %s\nfrom all tokens %s", got, want)
				}
			}
		})
	}
}
