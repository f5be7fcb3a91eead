//go:build linux

package main

import (
	"cmp"
	"os"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// The soak for a minute: long enough to see each kind of request on each number of clients, a llama-server killed and
// back, and memory that does not grow by more than it should.
func TestSoak(t *testing.T) {
	testlevel.Long(t)
	if testing.Short() {
		t.Skip("needs a whole build and a minute; not with -short")
	}
	prefix := harness.Prefix(cmp.Or(os.Getenv("FH_OLLAMA_DIST"), "../../../dist"))
	report, err := soak(t.Context(), options{prefix, "../../testdata/fh-demo-12m-q8_0.gguf", time.Minute}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + report.Table())
	for _, problem := range report.Problems() {
		t.Error(problem)
	}
}
