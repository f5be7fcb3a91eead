package page

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/fh-ollama/fh-ollama/internal/evaluation"
)

// prompt is a prompt with its dense continuation and those that differ from it.
type prompt struct {
	Kind, Text, Dense string
	Tokens            string
	Same              string // the P's with the dense continuation
	Others            []other
	Cells             []string // one for each P of the report: where its continuation diverges
}

// other is a continuation that is not the dense one.
type other struct {
	Probes       string // the P's that produced it
	Where        string
	Common, Rest string
}

// prompts describes the continuations; Cells go by the report's points.
func prompts(r evaluation.Report) []prompt {
	var all []prompt
	for _, g := range r.Generation {
		p := prompt{Kind: visible(g.Kind), Text: visible(g.Text), Dense: visible(g.Dense), Tokens: plural(g.Tokens, "token")}
		var same []int
		type answer struct {
			text       string
			divergence int
		}
		groups := map[answer][]evaluation.Trial{}
		var order []answer
		for _, t := range g.Runs {
			if t.Divergence < 0 {
				same = append(same, t.Probes)
				continue
			}
			a := answer{t.Text, t.Divergence}
			if groups[a] == nil {
				order = append(order, a)
			}
			groups[a] = append(groups[a], t)
		}
		p.Same = list(same)
		for _, a := range order {
			p.Others = append(p.Others, newOther(g.Dense, groups[a]))
		}
		for _, point := range r.Points {
			p.Cells = append(p.Cells, cellOf(g.Runs, point.Probes))
		}
		all = append(all, p)
	}
	return all
}

func cellOf(runs []evaluation.Trial, probes int) string {
	i := slices.IndexFunc(runs, func(t evaluation.Trial) bool { return t.Probes == probes })
	switch {
	case i < 0:
		return missing
	case runs[i].Divergence < 0:
		return "same"
	}
	return fmt.Sprint(runs[i].Divergence + 1)
}

// newOther describes a text that some P's produced instead of dense.
func newOther(dense string, runs []evaluation.Trial) other {
	var probes []int
	for _, t := range runs {
		probes = append(probes, t.Probes)
	}
	common, rest := split(visible(dense), visible(runs[0].Text))
	return other{Probes: list(probes), Where: fmt.Sprintf("differs from token %d on", runs[0].Divergence+1),
		Common: common, Rest: rest}
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

// list writes numbers with commas.
func list(numbers []int) string {
	var words []string
	for _, n := range numbers {
		words = append(words, fmt.Sprint(n))
	}
	return strings.Join(words, ", ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
