package main

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// A file whose provenance contains NaN or infinity is still reported.
func TestJSONOfOddNumbers(t *testing.T) {
	file := flashheadtest.File(4)
	kvs := file.KVs
	for objective, want := range map[float32]any{float32(math.Inf(1)): nil, float32(math.NaN()): nil, 0.1234: 0.1234} {
		file.KVs = append(slices.Clone(kvs), gguftest.V("flashhead.objective", objective))
		var out, errs bytes.Buffer
		if code := run([]string{"fh-ollama", "inspect", "--json", gguftest.Write(t, "in.gguf", file.Bytes())}, &out,
			&errs); code != 0 {
			t.Fatalf("it ends with %d: %s", code, errs.String())
		}
		var report struct {
			Sound      bool
			Parameters map[string]any
		}
		if err := json.Unmarshal(out.Bytes(), &report); err != nil || !report.Sound {
			t.Fatalf("%v: %s", err, out.String())
		}
		if got, there := report.Parameters["objective"]; !there || got != want {
			t.Errorf("the objective %v is written as %v", objective, got)
		}
	}
}
