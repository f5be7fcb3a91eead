package page

import (
	"slices"
	"strings"
	"testing"
)

func TestContinuations(t *testing.T) {
	r := measured(64, 128, 250)
	all := read(t, write(t, r))
	var marked []string
	for _, e := range named(all, "mark") {
		marked = append(marked, e.text)
	}
	if got := strings.Join(marked, "|"); got != "ood many children, and that is all.|ood many children, and that is all." {
		t.Errorf("marked: %s", got)
	}
	for _, g := range r.Generation {
		texts := []string{g.Text, g.Dense}
		for _, run := range g.Runs {
			texts = append(texts, run.Text)
		}
		for _, text := range texts {
			if !slices.ContainsFunc(named(all, "blockquote"), func(e element) bool { return e.text == text }) {
				t.Errorf("%s: %q is not on the page", g.Kind, text)
			}
		}
	}
	page := write(t, r)
	for _, want := range []string{
		"P = 64, differs from token 10 on", "dense, 64 tokens; the same with P = 128, 250",
		"P = 64, 128, differs from token 11 on", "dense, 64 tokens; the same with P = 250",
		"<tr><th scope=\"row\"><bdi>code</bdi></th><td>11</td><td>11</td><td class=\"same\">same</td></tr>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct{ dense, text, common, rest string }{
		{"one two", "one three", "one t", "hree"},
		{"one", "one", "one", ""},
		{"one two", "one", "one", ""},
		{"", "x", "", "x"},
		{"x", "", "", ""},
		{"有一个村庄", "有一个老人", "有一个", "老人"},
		{"गाँव", "गीत", "", "गीत"},         // a vowel sign stays with its consonant
		{"cafe\u0301", "cafe", "caf", "e"}, // so does an accent, whichever text has it
		{"👩\u200d👦", "👩\u200d👧", "", "👩\u200d👧"},
	} {
		common, rest := split(c.dense, c.text)
		if common != c.common || rest != c.rest {
			t.Errorf("%q, %q: %q and %q", c.dense, c.text, common, rest)
		}
	}
}
