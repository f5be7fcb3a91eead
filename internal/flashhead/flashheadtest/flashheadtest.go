// Package flashheadtest reads converted files in tests.
package flashheadtest

import (
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// Open opens a converted file for the time of the test and reads its head and its parameters, which must be sound.
func Open(t *testing.T, path string) (*gguf.File, flashhead.Head, flashhead.Parameters) {
	t.Helper()
	m, err := flashhead.OpenConverted(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m.File, m.Head, m.Parameters
}
