package commandline

import (
	"bytes"
	"io"
	"testing"
)

// A terminal gets printable text however writes are cut, and a cut character is not lost.
func TestShown(t *testing.T) {
	const text = "a\tb\r\a\x1b[2J «Grüße» 日本 \u202e\u009b\n\xff!"
	const want = "a\tb\ufffd\ufffd\ufffd[2J «Grüße» 日本 \ufffd\ufffd\n\ufffd!"
	for size := 1; size <= len(text); size++ {
		var out bytes.Buffer
		w := &shown{out: &out}
		for rest := []byte(text); len(rest) > 0; {
			n := min(size, len(rest))
			if got, err := w.Write(rest[:n]); got != n || err != nil {
				t.Fatal(got, err)
			}
			rest = rest[n:]
		}
		if out.String() != want {
			t.Errorf("written %d bytes at a time: %q, want %q", size, out.String(), want)
		}
	}
	if w := Shown(io.Discard); w != io.Discard || IsShown(w) {
		t.Error("what is no terminal is changed")
	}
}
