// Package sourcetest is for tests that need the pinned sources.
package sourcetest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

// Pins returns the committed pins.
func Pins(t *testing.T) source.Pins {
	t.Helper()
	pins, err := source.ParsePins(thirdparty.Pins)
	if err != nil {
		t.Fatal(err)
	}
	return pins
}

// Sources returns the folders of both pinned sources, by name, fetched if needed.
func Sources(t *testing.T) map[string]string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the pinned sources; not with -short")
	}
	cache, err := atomicfile.CacheFolder()
	if err != nil {
		t.Fatal(err)
	}
	pins, dir := Pins(t), t.TempDir()
	folders := map[string]string{}
	err = step.New(t.Output()).Do("fetch", func(st *step.Step) error {
		llamaCpp, err := source.FetchLlamaCpp(t.Context(), st, pins.LlamaCpp, cache)
		if err != nil {
			return err
		}
		ollama, err := source.FetchOllama(t.Context(), st, "go", pins.Ollama, dir, filepath.Join(dir, "log"))
		folders["ollama"], folders["llama.cpp"] = ollama.Dir, llamaCpp.Dir
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

// Trees returns both pinned sources by name.
func Trees(t *testing.T) map[string]fs.FS {
	t.Helper()
	trees := map[string]fs.FS{}
	for name, dir := range Sources(t) {
		trees[name] = os.DirFS(dir)
	}
	return trees
}
