package upstream

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// fact is a property of one source file.
type fact interface {
	check(source string) verdict
}

// verdict is the result of a fact's check.
type verdict struct {
	holds  bool
	there  bool   // the subject exists, even if the fact does not hold
	line   int    // of the subject, from 1; 0 if unknown
	detail string // how it differs
}

// declarationFact: this declaration is in the file, up to comments, directives and white space.
type declarationFact string

func (f declarationFact) check(source string) verdict {
	text := normal(code(string(f)))
	head := strings.TrimSpace(text[:strings.IndexAny(text, "{,=")]) // ends with the name
	if !strings.Contains(source, head[strings.LastIndex(head, " ")+1:]) {
		return verdict{detail: "it is not declared"} // spares the search below in most files
	}
	source = code(source)
	v := textFact{text}.check(source)
	if v.holds {
		return v
	}
	similar, near, same := nearest(source, text, len(head)+1)
	if near == 0 {
		return verdict{detail: "it is not declared"}
	}
	begin := strings.LastIndexAny(text[:same], "{;,") + 1 // of the part that differs
	part, _, _ := strings.Cut(text[begin:]+";", ";")
	return verdict{there: true, line: near, detail: fmt.Sprintf("`%s`, not `%s`", similar, strings.TrimSpace(part))}
}

var (
	comment   = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	directive = regexp.MustCompile(`(?m)^[ \t]*#.*(\\\n.*)*$`)
	gap       = regexp.MustCompile(`\)[ \t]+\(`)
)

// code drops comments, preprocessor directives and blanks between brackets. Line numbers stay the same.
func code(source string) string {
	onlyNewlines := func(text string) string { return strings.Repeat("\n", strings.Count(text, "\n")) }
	source = directive.ReplaceAllStringFunc(comment.ReplaceAllStringFunc(source, onlyNewlines), onlyNewlines)
	return gap.ReplaceAllString(source, ")(")
}

// normal replaces every run of white space by one space.
func normal(text string) string {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch {
		case !isWhite(text[i]):
			out = append(out, text[i])
		case len(out) == 0 || out[len(out)-1] != ' ':
			out = append(out, ' ')
		}
	}
	return string(out)
}

func isWhite(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// lineOf returns the line of source, from 1, that normal(source)[at] comes from.
func lineOf(source string, at int) int {
	inWhite := false
	for i, n := 0, -1; i < len(source); i++ {
		if !isWhite(source[i]) || !inWhite {
			n++
		}
		inWhite = isWhite(source[i])
		if n == at {
			return 1 + strings.Count(source[:i], "\n")
		}
	}
	return 0
}

// textFact: these texts are in the file, in this order, up to white space.
type textFact []string

func (f textFact) check(source string) verdict {
	rest, begin := normal(source), 0
	line := 0
	for i, text := range f {
		at := strings.Index(rest[begin:], normal(text))
		if at >= 0 {
			if i == 0 {
				line = lineOf(source, at)
			}
			begin += at + len(normal(text))
			continue
		}
		if before := strings.Index(rest, normal(text)); before >= 0 {
			return verdict{there: true, line: lineOf(source, before),
				detail: fmt.Sprintf("`%s` does not come after `%s`", text, f[i-1])}
		}
		similar, near, _ := nearest(source, text, minSimilar)
		v := verdict{there: near > 0 || i > 0, line: near, detail: fmt.Sprintf("there is no `%s`", text)}
		if near > 0 {
			v.detail += fmt.Sprintf("; line %d has `%s`", near, similar)
		}
		return v
	}
	return verdict{holds: true, there: true, line: line}
}

// minSimilar is the length in bytes of a common prefix below which texts count as unrelated.
const minSimilar = 16

// nearest finds the line of source where it differs from text, after the longest prefix that both have. same is that
// prefix's length in normal(text). It finds none below least.
func nearest(source, text string, least int) (line string, number, same int) {
	whole, text := normal(source), normal(text)
	end := sort.Search(len(text), func(n int) bool { return !strings.Contains(whole, text[:n+1]) })
	if end < least {
		return "", 0, 0
	}
	at := strings.Index(whole, text[:end]) + end - 1
	if whole[at] == ' ' {
		at = min(at+1, len(whole)-1)
	}
	number = lineOf(source, at)
	return strings.TrimSpace(strings.Split(source, "\n")[number-1]), number, end
}

// countFact: the file contains a text exactly so many times.
type countFact struct {
	text  string
	times int
}

func (f countFact) check(source string) verdict {
	n := strings.Count(normal(source), normal(f.text))
	v := verdict{holds: n == f.times, there: n > 0}
	if n > 0 {
		v.line = lineOf(source, strings.Index(normal(source), normal(f.text)))
	}
	if !v.holds {
		v.detail = fmt.Sprintf("%d times `%s`, not %d", n, f.text, f.times)
	}
	return v
}
