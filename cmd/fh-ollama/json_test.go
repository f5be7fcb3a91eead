package main

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// A file whose provenance contains NaN or infinity is still reported.
func TestJSONOfOddNumbers(t *testing.T) {
	file := flashheadtest.File(4)
	file.KVs = append(file.KVs, gguftest.V("flashhead.objective", float32(math.NaN())))
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
	if objective, there := report.Parameters["objective"]; !there || objective != nil {
		t.Errorf("the objective is %v", objective)
	}
}
