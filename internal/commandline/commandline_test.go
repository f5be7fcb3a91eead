package commandline

import (
	"slices"
	"testing"
)

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"/usr/lib/a-b_1.so": "/usr/lib/a-b_1.so", "A=b": "A=b", "two words": "'two words'",
		"it's": `'it'\''s'`, "": "''", "$HOME": "'$HOME'",
	} {
		if got := Quote(word); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                             nil,
		"  cc  -c\ta.c ":               {"cc", "-c", "a.c"},
		`-DA=\"x\" '-DB="y z"' "-D\C"`: {`-DA="x"`, `-DB="y z"`, `-D\C`},
		`a"b c"'d e'f ""`:              {"ab cd ef", ""},
		`"\$x \\ \a"`:                  {`$x \ \a`},
	} {
		got, err := Split(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`"a`, `'a`, `a\`} {
		if got, err := Split(line); err == nil {
			t.Errorf("%s: %q", line, got)
		}
	}
	for _, word := range []string{"", "it's", `a\"b`, "$x `y`", "a\nb"} {
		if got, err := Split("x " + Quote(word)); err != nil || !slices.Equal(got, []string{"x", word}) {
			t.Errorf("%q comes back as %q, %v", word, got, err)
		}
	}
}
