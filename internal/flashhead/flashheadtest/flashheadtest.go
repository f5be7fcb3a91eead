// Package flashheadtest makes and reads converted files in tests.
package flashheadtest

import (
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// File returns a small model with a plain map, in whose clusters tokens alternate.
func File(clusters uint32) gguftest.File {
	f := gguftest.Model(64, 32)
	assignments := make([]uint32, 64)
	for i := range assignments {
		assignments[i] = uint32(i) % clusters
	}
	f.KVs = append(f.KVs, gguftest.V(flashhead.KeyVersion, uint32(flashhead.FormatVersion)),
		gguftest.V(flashhead.KeyClusterCount, clusters), gguftest.V(flashhead.KeyAssignments, gguftest.A(assignments)),
		gguftest.V(flashhead.KeyProbeCount, uint32(1)), gguftest.V(flashhead.KeyCentroidType, "f16"))
	return f
}

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
