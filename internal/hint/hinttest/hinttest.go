// Package hinttest checks errors for users in tests.
package hinttest

import (
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Check checks that err has a cause and a hint of one line each, and that one of them contains want.
func Check(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one that tells of %q", want)
		return
	}
	cause, way := err.Error(), hint.Of(err)
	if way == "" || strings.Contains(cause+way, "\n") || !strings.Contains(cause+"\n"+way, want) {
		t.Errorf("error %q, hint %q; want one line each, with %q", cause, way, want)
	}
}
