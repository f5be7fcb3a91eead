package upstream

import (
	"fmt"
	"slices"
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

// structFact: a struct or class has these members; with exact, no others and in this order.
type structFact struct {
	name    string
	members []string
	exact   bool
}

func (f structFact) check(source string) verdict {
	text, line, ok := structBody(source, f.name)
	if !ok {
		return verdict{detail: "there is no struct " + f.name}
	}
	have := membersOf(text)
	v := verdict{there: true, line: line}
	lacks := missing(f.members, have)
	switch {
	case len(lacks) > 0:
		v.detail = fmt.Sprintf("struct %s has no %s", f.name, strings.Join(lacks, ", "))
	case !f.exact || slices.Equal(have, f.members):
		v.holds = true
	case len(missing(have, f.members)) > 0:
		v.detail = fmt.Sprintf("struct %s has also %s", f.name, strings.Join(missing(have, f.members), ", "))
	default:
		v.detail = fmt.Sprintf("struct %s has the order %s", f.name, strings.Join(have, " "))
	}
	return v
}

// enumFact: these enumerators follow each other in an enum. NAME=VALUE also requires the value.
type enumFact struct {
	name  string
	names []string
}

func (f enumFact) check(source string) verdict {
	text, line, ok := enumBody(source, f.name)
	if !ok {
		return verdict{detail: "there is no enum " + f.name}
	}
	v := verdict{there: true, line: line}
	have := enumerators(text)
	at := slices.IndexFunc(have, func(e string) bool { return nameOf(e) == nameOf(f.names[0]) })
	if at < 0 {
		v.detail = fmt.Sprintf("enum %s has no %s", f.name, nameOf(f.names[0]))
		return v
	}
	for i, want := range f.names {
		got := "nothing"
		if at+i < len(have) {
			got = have[at+i]
		}
		if got == want || nameOf(got) == want {
			continue
		}
		if i == 0 {
			v.detail = fmt.Sprintf("enum %s has %s, not %s", f.name, got, want)
		} else {
			v.detail = fmt.Sprintf("in enum %s comes %s after %s, not %s", f.name, got, nameOf(f.names[i-1]), want)
		}
		return v
	}
	v.holds = true
	return v
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
		similar, near := nearest(source, text)
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

// nearest finds the line of source that has the longest prefix of text.
func nearest(source, text string) (line string, number int) {
	whole, text := normal(source), normal(text)
	for end := len(text) - 1; end >= minSimilar; end-- {
		if at := strings.Index(whole, text[:end]); at >= 0 {
			number = lineOf(source, at+end-1)
			return strings.TrimSpace(strings.Split(source, "\n")[number-1]), number
		}
	}
	return "", 0
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
