package commandline

import (
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// Shown returns w. If w is a terminal, it returns a writer that makes text Printable. Files and pipes get the original
// text.
func Shown(w io.Writer) io.Writer {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return &shown{out: w}
	}
	return w
}

// IsShown reports whether w is a terminal, as Shown returned it.
func IsShown(w io.Writer) bool {
	_, ok := w.(*shown)
	return ok
}

type shown struct {
	out  io.Writer
	rest []byte // the start of a character whose end is in the next write
}

func (s *shown) Write(p []byte) (int, error) {
	text := append(s.rest, p...)
	end := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if i := len(text) - back; utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				end = i
			}
			break
		}
	}
	s.rest = append([]byte(nil), text[end:]...)
	if _, err := io.WriteString(s.out, Printable(string(text[:end]))); err != nil {
		return 0, err
	}
	return len(p), nil
}
