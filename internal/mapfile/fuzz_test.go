package mapfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/mapfile/mapfiletest"
)

// FuzzMap reads any map file. It must not panic, and a map that fits must be safe for the runtime.
func FuzzMap(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "model.gguf")
	if err := os.WriteFile(path, gguftest.Model(40, 32).Bytes(), 0o644); err != nil {
		f.Fatal(err)
	}
	file := mapfile.Path(path)
	mapfiletest.Write(f, file, "", []string{path})
	data, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		other := filepath.Join(dir, "map.gguf")
		if err := os.WriteFile(other, data, 0o644); err != nil {
			t.Fatal(err)
		}
		m, err := mapfile.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		p, damage := mapfile.Read(other, m)
		if damage != nil {
			return
		}
		if int64(len(p.Assignments)) != m.Head.Vocab() || p.Probes < 1 || p.Probes > p.Clusters {
			t.Fatalf("%d assignments, %d of %d clusters probed", len(p.Assignments), p.Probes, p.Clusters)
		}
		if least, _ := p.ClusterSizes(); least < 1 { // which panics, should a number be out of range
			t.Fatal("a cluster is empty")
		}
	})
}
