package maps

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/convert"
)

// What failed before an interrupt is shown.
func TestInterruptedAfterFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var log bytes.Buffer
	err := TurnOn(ctx, Options{Convert: convert.Defaults(), Out: &log, Log: &log}, []Weights{
		{Names: []string{"first"}, State: Excluded, Reason: "it cannot have a map"},
		{Names: []string{"second"}, State: Off, file: true, Paths: []string{filepath.Join(t.TempDir(), "none.gguf")}},
	})
	if err == nil || errors.Is(err, ErrDeclined) || !strings.Contains(log.String(), "fh-ollama: first: it cannot have a map") {
		t.Errorf("%v, said %q", err, &log)
	}
}
