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
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	head, err := flashhead.FindHead(f)
	if err != nil {
		t.Fatal(err)
	}
	p, err := flashhead.FromFile(f, head)
	if err != nil {
		t.Fatal(err)
	}
	return f, head, p
}
