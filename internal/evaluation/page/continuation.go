package page

import (
	"fmt"
	"slices"
	"unicode"

	"github.com/fh-ollama/fh-ollama/internal/evaluation"
)

// prompt is a prompt with its dense continuation and those that differ from it.
type prompt struct {
	Kind, Text, Dense string
	Tokens            string
	Same              string // the P's with the dense continuation
	Others            []other
}

// other is a continuation that is not the dense one.
type other struct {
	Probes       string // the P's that produced it
	From         int    // the first token that differs, counted from 1
	Common, Rest string
}

// prompts describes the continuations.
func prompts(r evaluation.Report) []prompt {
	var all []prompt
	for _, g := range r.Generation {
		p := prompt{Kind: visible(g.Kind), Text: visible(g.Text), Dense: visible(g.Dense), Tokens: plural(g.Tokens, "token")}
		for _, t := range g.Runs {
			if t.Divergence < 0 {
				p.Same = listed(p.Same, t.Probes)
				continue
			}
			this := other{From: t.Divergence + 1}
			this.Common, this.Rest = split(p.Dense, visible(t.Text))
			i := slices.IndexFunc(p.Others, func(o other) bool {
				return o.From == this.From && o.Common == this.Common && o.Rest == this.Rest
			})
			if i < 0 {
				i = len(p.Others)
				p.Others = append(p.Others, this)
			}
			p.Others[i].Probes = listed(p.Others[i].Probes, t.Probes)
		}
		all = append(all, p)
	}
	return all
}

// listed adds a P to a list with commas.
func listed(list string, probes int) string {
	if list != "" {
		list += ", "
	}
	return list + fmt.Sprint(probes)
}

// split divides a text where it diverges from dense, but not between a character and its combining marks.
func split(dense, text string) (common, rest string) {
	a, b := []rune(dense), []rune(text)
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	joins := func(s []rune) bool {
		return n > 0 && n < len(s) && (unicode.Is(unicode.M, s[n]) || s[n] == '\u200d' || s[n-1] == '\u200d')
	}
	if n < len(a) || n < len(b) {
		for joins(a) || joins(b) {
			n--
		}
	}
	return string(b[:n]), string(b[n:])
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
