package llama

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// Files that llama.cpp finds need no links, and blobs get them.
func TestGather(t *testing.T) {
	t.Setenv("FH_OLLAMA_CACHE", t.TempDir())
	dir := t.TempDir()
	for _, paths := range [][]string{
		{filepath.Join(dir, "sha256-0")},
		{filepath.Join(dir, gguf.PartName("m", 0, 2)), filepath.Join(dir, gguf.PartName("m", 1, 2))},
	} {
		if g, err := Gather(paths); err != nil || g.Path != paths[0] || g.Settings != nil {
			t.Errorf("%q: %+v, %v", paths, g, err)
		}
	}

	var blobs []string
	for _, name := range []string{"sha256-1", "sha256-0"} {
		blobs = append(blobs, filepath.Join(dir, name))
		if err := os.WriteFile(blobs[len(blobs)-1], []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g, err := Gather(blobs)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := gguf.PartPaths(g.Path, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range paths {
		if data, err := os.ReadFile(path); err != nil || string(data) != filepath.Base(blobs[i]) {
			t.Errorf("file %d is %q: %v", i, data, err)
		}
	}
	if len(g.Settings) != 1 || !strings.HasSuffix(g.Settings[0], "="+g.Path) {
		t.Errorf("settings %q", g.Settings)
	}
	g.Remove()
	if _, err := os.Stat(g.folder.Path); !os.IsNotExist(err) {
		t.Errorf("the links stay: %v", err)
	}
	for _, path := range blobs {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}
