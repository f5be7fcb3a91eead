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

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"Straße 1:\n  ok": "Straße 1:\n  ok", "\x1b[2Jgone\r\a": "\ufffd[2Jgone\ufffd\ufffd", "\u202eright to left": "\ufffdright to left", "\xff": "\ufffd", "": "",
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
