package integration

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

// With every seed, answers conform to a grammar and are complete.
func grammars(t *testing.T, l *harness.Llama) (answers []string) {
	for _, g := range []struct{ grammar, language string }{
		{`root ::= ("yes" | "no") "."`, `^(yes|no)\.$`},
		{`root ::= [a-z]{3,9} (" " [a-z]{1,9}){2,5} [.!?]`, `^[a-z]{3,9}( [a-z]{1,9}){2,5}[.!?]$`},
		{`root ::= [0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" [0-3] [0-9]`, `^[0-9]{4}-(0[1-9]|1[0-2])-[0-3][0-9]$`},
		{`root ::= "` + unwanted + `" [α-ω]{2,6}`, `^` + unwanted + `[α-ω]{2,6}$`},
	} {
		language := regexp.MustCompile(g.language)
		for seed := range 8 {
			d := draw(t, l, prompt, seed, map[string]any{"grammar": g.grammar, "temperature": 1.2, "top_k": 200, "top_p": 1,
				"n_predict": 120})
			if !language.MatchString(d.Content) || d.Stopped != "eos" {
				t.Errorf("seed %d: %q, stopped by %q, of %s", seed, d.Content, d.Stopped, g.language)
			}
			answers = append(answers, d.String())
		}
	}
	return answers
}

// A token with a large bias is the only one written, and a forbidden one never is. A moderate bias makes a token more
// frequent, whether the model would write it or not.
func logitBias(t *testing.T, l *harness.Llama) (answers []string) {
	write := func(seed int, text string, bias ...any) []int {
		d := draw(t, l, text, seed, map[string]any{"logit_bias": []any{bias}, "ignore_eos": true})
		answers = append(answers, d.String())
		return d.Tokens
	}
	count := func(tokens []int, token int) (n int) {
		for _, id := range tokens {
			if id == token {
				n++
			}
		}
		return n
	}
	for seed, text := range prompts(t, 4) {
		plain := draw(t, l, text, seed, map[string]any{"ignore_eos": true}).Tokens
		for _, token := range []int{plain[0], plain[len(plain)/2], 31000} {
			if tokens := write(seed, text, token, 100); count(tokens, token) != len(tokens) {
				t.Errorf("seed %d: with a bias of 100 for token %d came %v", seed, token, tokens)
			}
			if tokens := write(seed, text, token, false); slices.Contains(tokens, token) {
				t.Errorf("seed %d: token %d is forbidden, but came %v", seed, token, tokens)
			}
			if tokens := write(seed, text, token, 12); count(tokens, token) <= count(plain, token) {
				t.Errorf("seed %d: with a bias of 12 for token %d came %v, without it %v", seed, token, tokens, plain)
			}
		}
		answers = append(answers, fmt.Sprint(plain))
	}
	return answers
}
