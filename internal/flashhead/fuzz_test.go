package flashhead_test

import (
	"bytes"
	"math"
	"os"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// FuzzParameters reads the keys of any GGUF file. It must not panic, and valid parameters must be safe indices for the
// runtime.
func FuzzParameters(f *testing.F) {
	f.Add(gguftest.Model(40, 32).Bytes())
	for _, p := range []flashhead.Parameters{sound(), calibrated()} {
		data, err := os.ReadFile(write(f, p.Keys()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		head, err := flashhead.FindHead(file)
		if err != nil {
			return
		}
		flashhead.DefaultPinned(file, head)
		p, err := flashhead.FromFile(file, head)
		if err != nil {
			return
		}
		if int64(len(p.Assignments)) != head.Vocab() || p.Clusters < 2 || p.Probes < 1 || p.Probes > p.Clusters {
			t.Fatalf("%d assignments of %d tokens, %d clusters, %d probes", len(p.Assignments), head.Vocab(), p.Clusters,
				p.Probes)
		}
		if least, _ := p.ClusterSizes(); least < 1 { // which panics, should a number be out of range
			t.Fatal("a cluster is empty")
		}
		for _, token := range p.Pinned {
			if int64(token) >= head.Vocab() {
				t.Fatalf("token %d of %d is pinned", token, head.Vocab())
			}
		}
		if n := len(p.Codes.Variances) * int(head.Width()); len(p.Codes.Rows) != n || len(p.Codes.Activations) != n {
			t.Fatalf("codes of %d directions have %d and %d numbers", len(p.Codes.Variances), len(p.Codes.Rows),
				len(p.Codes.Activations))
		}
		if ceiling := flashhead.NewCost(file, head, p).Ceiling(p.Probes); math.IsNaN(ceiling) || ceiling < 0 {
			t.Fatalf("the ceiling is %v", ceiling)
		}
	})
}
