package hint

import (
	"errors"
	"fmt"
	"testing"
)

func TestText(t *testing.T) {
	for want, err := range map[string]error{
		"fh: no such file\n":                 errors.New("no such file"),
		"fh: no such file\n  name another\n": New("no such file", "name another"),
		"fh: open: full\n  make room\n":      fmt.Errorf("open: %w", New("full", "make room")),
	} {
		if got := Text("fh", err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
