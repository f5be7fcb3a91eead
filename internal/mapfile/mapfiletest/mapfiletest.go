// Package mapfiletest writes map files for tests.
package mapfiletest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
)

// Parameters returns sound plain parameters for a head: four clusters, whose tokens alternate.
func Parameters(head flashhead.Head, source string) flashhead.Parameters {
	p := flashhead.Default(head)
	p.Codes = flashhead.Codes{}
	p.Clusters, p.Probes = 4, 2
	p.Assignments = make([]uint32, head.Vocab())
	for i := range p.Assignments {
		p.Assignments[i] = uint32(i) % p.Clusters
	}
	p.Provenance = flashhead.Provenance{Tensor: head.Tensor.Name, ClusterSize: 16, Seed: 1, Iterations: 1,
		ToolVersion: "test", SourceSHA256: source}
	return p
}

// Write is Make for a test.
func Write(t testing.TB, path, source string, paths []string, change ...func(*flashhead.Parameters)) {
	t.Helper()
	if err := Make(path, source, paths, change...); err != nil {
		t.Fatal(err)
	}
}

// Make writes the map of the model in the files at paths to the file at path, made for a source with that digest.
// change may spoil its parameters.
func Make(path, source string, paths []string, change ...func(*flashhead.Parameters)) error {
	m, err := flashhead.Open(paths...)
	if err != nil {
		return err
	}
	defer m.Close()
	p := Parameters(m.Head, source)
	for _, c := range change {
		c(&p)
	}
	digest, err := mapfile.Digest(m)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, mapfile.Content(m, p, digest, m.HeadFile().Size).Header(), 0o644)
}
