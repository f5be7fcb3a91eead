package page

import (
	"strings"
	"testing"
)

func TestContinuations(t *testing.T) {
	r := measured(64, 128, 250)
	page := write(t, r)
	for _, want := range []string{
		r.Generation[0].Text, r.Generation[0].Dense,
		"P = 64, differs from token 10 on", "I have a g<mark>ood many children, and that is all.</mark>",
		"dense, 64 tokens; the same with P = 128, 250",
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
