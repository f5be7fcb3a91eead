package commandline

import "testing"

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"/usr/lib/a-b_1.so": "/usr/lib/a-b_1.so", "A=b": "A=b", "two words": "'two words'", "it's": `'it'\''s'`, "": "''", "$HOME": "'$HOME'",
	} {
		if got := Quote(word); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
}
